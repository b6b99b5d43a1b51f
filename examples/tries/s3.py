"""Files in a bucket at moto."""

from examples.servers.moto import BUCKET, running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    page = call("list_objects", bucket=BUCKET, prefix="2026/", limit=2)
    call("list_objects", bucket=BUCKET, prefix="2026/", limit=2, cursor=page["next_cursor"])
    large = call.file("large.bin", b"tea " * 3_000_000)
    call("upload_object", bucket=BUCKET, key="2026/large file.bin", file=large, part_megabytes=5)
    call("object_choices", bucket=BUCKET, search="2026/")
    call("download_object", bucket=BUCKET, key="2026/large file.bin")
    call("delete_object", bucket=BUCKET, key="2026/large file.bin")
