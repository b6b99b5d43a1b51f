"""Push blob."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, File, Http, choices_from

from docker_registry.connector import docker_registry
from docker_registry.digests import digest_of_file
from docker_registry.operations.list_repositories import repository_choices
from docker_registry.shapes import Blob, Name


@dataclass
class NewBlob:
    repository: Annotated[Name, choices_from(repository_choices)]
    file: Annotated[File, Field(title="File", description="A layer, usually a compressed archive.")]


@docker_registry.operation(is_idempotent=True)
def push_blob(new: NewBlob, http: Http) -> Blob:
    """Bring a file to the registry. One that is there already is not sent again."""
    digest = digest_of_file(new.file, http)
    known = http.head(f"/{new.repository}/blobs/{digest}", accept=(404,))
    if known.status == 404:
        begun = http.post(f"/{new.repository}/blobs/uploads/")
        # Each step says where the next one goes: an address with a query of its own.
        sent = http.patch(begun.headers["location"], file=new.file, content_type="application/octet-stream")
        http.put(f"{sent.headers['location']}&digest={digest}")
        known = http.head(f"/{new.repository}/blobs/{digest}")
    return {"digest": digest, "size": int(known.headers.get("content-length", 0))}
