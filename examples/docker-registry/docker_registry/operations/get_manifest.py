"""Get manifest."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Choice, Field, Http, choices_from

from docker_registry.connector import docker_registry
from docker_registry.digests import check, digest_of
from docker_registry.operations.list_repositories import repository_choices
from docker_registry.shapes import Manifest, Name

KINDS = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


@dataclass
class TagsOf:
    repository: str


@docker_registry.choices
def tag_choices(chosen: TagsOf, http: Http) -> list[Choice]:
    """The tags of a repository."""
    tags: list[str] = http.get(f"/{chosen.repository}/tags/list").json()["tags"] or []
    return [{"text": tag, "value": tag} for tag in sorted(tags)]


@dataclass
class ImageRef:
    repository: Annotated[Name, choices_from(repository_choices)]
    reference: Annotated[
        str,
        Field(title="Tag or digest", pattern="^[\\w.:-]+$"),
        choices_from(tag_choices, repository="repository"),
    ] = "latest"


@docker_registry.operation
def get_manifest(image: ImageRef, http: Http) -> Manifest:
    """Read what an image consists of."""
    answer = http.get(f"/{image.repository}/manifests/{image.reference}", headers={"Accept": KINDS})
    digest = digest_of(answer.content)
    if image.reference.startswith("sha256:"):
        check(image.reference, digest)
    return {"digest": digest, "media_type": answer.headers.get("content-type", ""), "manifest": answer.json()}
