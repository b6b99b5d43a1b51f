"""What operations on buckets take and give."""

from typing import Annotated, NotRequired, TypedDict

from jackfield import Field

Bucket = Annotated[str, Field(title="Bucket", pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Key = Annotated[str, Field(title="Key", description="The whole path of the file in its bucket.", min_length=1)]


class StoredObject(TypedDict):
    """A file in a bucket. `size` is in bytes."""

    key: str
    size: int
    etag: str


class ObjectPage(TypedDict):
    """Some files, and where the next ones begin. Without `next_cursor` there are no more."""

    objects: list[StoredObject]
    next_cursor: NotRequired[str]
