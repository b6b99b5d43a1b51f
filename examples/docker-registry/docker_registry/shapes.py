"""What operations on a registry take and give."""

from typing import Annotated, Any, TypedDict

from jackfield import Field, File

Digest = Annotated[str, Field(title="Digest", pattern="^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Field(title="Repository", pattern="^[a-z0-9]+([._/-]+[a-z0-9]+)*$")]


class Repositories(TypedDict):
    """The names of repositories, such as team/shop."""

    repositories: list[str]


class Manifest(TypedDict):
    """What an image consists of. `digest` is the one under which it can always be found again."""

    digest: str
    media_type: str
    manifest: dict[str, Any]


class Blob(TypedDict):
    """A layer, or whatever else an image refers to by its digest."""

    digest: str
    size: int


class FetchedBlob(TypedDict):
    """A layer as a file."""

    digest: str
    file: File
