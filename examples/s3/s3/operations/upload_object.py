"""Upload object."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from xml.etree.ElementTree import Element, SubElement

from jackfield import Field, File, Http, choices_from

from s3.connector import s3
from s3.operations.list_objects import bucket_choices
from s3.shapes import Bucket, Key, StoredObject
from s3.store import advice, path_of, text

MEGABYTE = 1024 * 1024


@dataclass
class NewObject:
    bucket: Annotated[Bucket, choices_from(bucket_choices)]
    key: Key
    file: Annotated[File, Field(title="File")]
    part_megabytes: Annotated[
        int,
        Field(
            title="Part size",
            description="In megabytes. Larger files are sent in parts of this size.",
            minimum=5,
            maximum=12,
            is_advanced=True,
        ),
    ] = 8


@s3.operation(is_idempotent=True)
def upload_object(new: NewObject, http: Http) -> StoredObject:
    """Bring a file to a bucket. A file with the same key is replaced."""
    path = path_of(new.bucket, new.key)
    with advice(new.bucket, new.key), http.open(new.file) as content:
        first = content.read(new.part_megabytes * MEGABYTE + 1)
        if len(first) <= new.part_megabytes * MEGABYTE:
            http.put(path, content=first, content_type=new.file.mime_type)
        else:
            content.seek(0)
            _send_parts(path, new, iter(lambda: content.read(new.part_megabytes * MEGABYTE), b""), http)
        stored = http.head(path)
    return {
        "key": new.key,
        "size": int(stored.headers.get("content-length", 0)),
        "etag": stored.headers.get("etag", "").strip('"'),
    }


def _send_parts(path: str, new: NewObject, parts: Iterator[bytes], http: Http) -> None:
    with _upload(path, new.file.mime_type, http) as upload_id:
        complete = Element("CompleteMultipartUpload")
        for number, part in enumerate(parts, start=1):
            sent = http.put(path, query={"partNumber": number, "uploadId": upload_id}, content=part)
            done = SubElement(complete, "Part")
            SubElement(done, "PartNumber").text = str(number)
            SubElement(done, "ETag").text = sent.headers["etag"]
        http.post(path, query={"uploadId": upload_id}, xml=complete)


@contextmanager
def _upload(path: str, kind: str, http: Http) -> Generator[str]:
    """Begin an upload in parts and give its id; when the block fails, tell the store to forget the parts."""
    upload_id = text(http.post(path, query={"uploads": ""}, content_type=kind).xml(), "UploadId")
    try:
        yield upload_id
    except BaseException:
        http.delete(path, query={"uploadId": upload_id}, accept=range(400, 600))
        raise
