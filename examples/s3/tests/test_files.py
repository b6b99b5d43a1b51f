"""Upload, download and delete object."""

from pathlib import Path

import pytest
from jackfield import NotFound, ServiceBroken
from jackfield.testing import FakeService, Recorded, local_file, read_file, run

from s3.operations.delete_object import delete_object
from s3.operations.download_object import ObjectRef, download_object
from s3.operations.upload_object import MEGABYTE, NewObject, upload_object

BUCKET = "mugs-and-more"


def test_a_file_goes_up_comes_back_and_is_deleted(recorded: Recorded, tmp_path: Path) -> None:
    (tmp_path / "tea").write_bytes(b"tea & sugar")

    stored = recorded.run(upload_object, NewObject(BUCKET, "new/a b+c.txt", local_file(tmp_path / "tea")))
    fetched = recorded.run(download_object, ObjectRef(BUCKET, "new/a b+c.txt"))
    gone = recorded.run(delete_object, ObjectRef(BUCKET, "new/a b+c.txt"))

    assert (stored["size"], gone["key"]) == (11, "new/a b+c.txt")
    assert read_file(fetched["file"]) == b"tea & sugar"


def test_a_file_that_is_not_there_says_what_to_do(recorded: Recorded) -> None:
    with pytest.raises(NotFound, match=r"no file '2026/A\.txt'"):
        recorded.run(download_object, ObjectRef(BUCKET, "2026/A.txt"))


def large_file(folder: Path) -> NewObject:
    (folder / "large").write_bytes(bytes(12 * MEGABYTE))
    return NewObject(BUCKET, "large", local_file(folder / "large"), part_megabytes=5)


def bucket_that_takes_parts() -> FakeService:
    store = FakeService()
    begun = b'<r xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><UploadId>u1</UploadId></r>'
    store.post(f"/{BUCKET}/large?uploads=", content=begun)
    return store


def test_a_large_file_is_sent_in_parts(tmp_path: Path) -> None:
    store = bucket_that_takes_parts()
    store.put(f"/{BUCKET}/large", headers={"ETag": '"e"'})
    store.post(f"/{BUCKET}/large?uploadId=u1")
    store.on("HEAD", f"/{BUCKET}/large", headers={"Content-Length": str(12 * MEGABYTE), "ETag": '"all-3"'})

    stored = run(upload_object, large_file(tmp_path), service=store)

    parts = [len(seen.request.body) // MEGABYTE for seen in store.requests if seen.method == "PUT"]
    assert parts == [5, 5, 2]
    assert [part.text for part in store.requests[-2].xml().iter("PartNumber")] == ["1", "2", "3"]
    assert stored["etag"] == "all-3"


def test_an_upload_that_fails_leaves_no_parts_behind(tmp_path: Path) -> None:
    store = bucket_that_takes_parts()
    store.put(f"/{BUCKET}/large", status=503)
    store.delete(f"/{BUCKET}/large?uploadId=u1", status=204)

    with pytest.raises(ServiceBroken):
        run(upload_object, large_file(tmp_path), service=store)

    assert store.requests[-1].method == "DELETE"
