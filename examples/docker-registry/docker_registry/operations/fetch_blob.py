"""Fetch blob."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Http, NotFound, choices_from

from docker_registry.connector import docker_registry
from docker_registry.digests import check, digest_of_file
from docker_registry.operations.list_repositories import repository_choices
from docker_registry.shapes import Digest, FetchedBlob, Name


@dataclass
class BlobRef:
    repository: Annotated[Name, choices_from(repository_choices)]
    digest: Digest


@docker_registry.operation(is_idempotent=True)
def fetch_blob(blob: BlobRef, http: Http) -> FetchedBlob:
    """Get a layer as a file, and make sure that it is the right one."""
    try:
        file = http.get(f"/{blob.repository}/blobs/{blob.digest}", to_file=blob.digest[7:19]).file
    except NotFound as refusal:
        raise NotFound(
            f"{blob.repository} has no layer with this digest. Get the manifest of an image: it names its layers.",
            refusal.response,
        ) from None
    check(blob.digest, digest_of_file(file, http))
    return {"digest": blob.digest, "file": file}
