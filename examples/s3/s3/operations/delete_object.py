"""Delete object."""

from typing import TypedDict

from jackfield import Http

from s3.connector import s3
from s3.operations.download_object import ObjectRef
from s3.store import advice, path_of


class Deleted(TypedDict):
    """The key that is free now, whether there was a file or not."""

    key: str


@s3.operation(is_idempotent=True)
def delete_object(chosen: ObjectRef, http: Http) -> Deleted:
    """Delete a file from a bucket."""
    with advice(chosen.bucket, chosen.key):
        http.delete(path_of(chosen.bucket, chosen.key))
    return {"key": chosen.key}
