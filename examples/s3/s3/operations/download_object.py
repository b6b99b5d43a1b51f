"""Download object."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

from jackfield import File, Http, choices_from

from s3.connector import s3
from s3.operations.list_objects import bucket_choices, object_choices
from s3.shapes import Bucket, Key
from s3.store import advice, path_of


@dataclass
class ObjectRef:
    bucket: Annotated[Bucket, choices_from(bucket_choices)]
    key: Annotated[Key, choices_from(object_choices, bucket="bucket")]


class Download(TypedDict):
    """A file of the bucket, to be fetched or given to another operation."""

    file: File


@s3.operation(is_idempotent=True)
def download_object(wanted: ObjectRef, http: Http) -> Download:
    """Get a file out of a bucket, however large."""
    with advice(wanted.bucket, wanted.key):
        name = wanted.key.rpartition("/")[2] or "file"
        return {"file": http.get(path_of(wanted.bucket, wanted.key), to_file=name).file}
