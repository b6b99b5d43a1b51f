"""Put manifest."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from jackfield import Field, Http, InvalidInput, ServiceError, choices_from

from docker_registry.connector import docker_registry
from docker_registry.digests import check, digest_of
from docker_registry.operations.list_repositories import repository_choices
from docker_registry.shapes import Manifest, Name


@dataclass
class NewManifest:
    repository: Annotated[Name, choices_from(repository_choices)]
    tag: Annotated[str, Field(title="Tag", pattern="^\\w[\\w.-]{0,127}$")]
    manifest: Annotated[
        dict[str, Any], Field(title="Manifest", description="It says its own kind as mediaType.", format="code")
    ]


@docker_registry.operation(is_idempotent=True)
def put_manifest(new: NewManifest, http: Http) -> Manifest:
    """Give a tag to an image whose layers are in the registry."""
    kind = new.manifest.get("mediaType")
    if not isinstance(kind, str):
        raise InvalidInput("The manifest does not say its kind. Add mediaType, as in the manifest of another image.")
    content = json.dumps(new.manifest).encode()
    try:
        answer = http.put(f"/{new.repository}/manifests/{new.tag}", content=content, content_type=kind)
    except ServiceError as refusal:
        raise _with_advice(refusal) from None
    check(digest_of(content), answer.headers["docker-content-digest"])
    return {"digest": digest_of(content), "media_type": kind, "manifest": new.manifest}


def _with_advice(refusal: ServiceError) -> ServiceError:
    """Name the layers that have to be pushed first, when that is what the registry says."""
    errors: list[dict[str, str]] = refusal.said.get("errors", [])
    missing = {error["detail"] for error in errors if error.get("code") == "MANIFEST_BLOB_UNKNOWN"}
    if not missing:
        return refusal
    names = ", ".join(sorted(missing))
    return ServiceError(f"The registry does not have {names} yet. Push these first.", refusal.response)
