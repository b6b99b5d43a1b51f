"""List objects."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Choice, Field, Http, choices_from

from s3.connector import s3
from s3.shapes import Bucket, ObjectPage
from s3.store import S3, advice, path_of, text


@s3.choices
def bucket_choices(http: Http) -> list[Choice]:
    """Your buckets."""
    with advice("any bucket"):
        buckets = http.get("/").xml().iter(f"{S3}Bucket")
    return [{"text": name, "value": name} for name in sorted(text(bucket, "Name") for bucket in buckets)]


@dataclass
class ObjectQuery:
    bucket: Annotated[Bucket, choices_from(bucket_choices)]
    prefix: Annotated[str | None, Field(title="Begins with", description="Such as 2026/ for a folder.")] = None
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=1000)] = 100
    cursor: Annotated[
        str | None, Field(title="Cursor", description="`next_cursor` of the page before.", is_advanced=True)
    ] = None


@s3.operation
def list_objects(wanted: ObjectQuery, http: Http) -> ObjectPage:
    """List the files of a bucket, one page at a time."""
    query = {
        "list-type": 2,
        "prefix": wanted.prefix,
        "max-keys": wanted.limit,
        "continuation-token": wanted.cursor,
    }
    with advice(wanted.bucket):
        found = http.get(path_of(wanted.bucket), query=query).xml()
    page: ObjectPage = {
        "objects": [
            {"key": text(one, "Key"), "size": int(text(one, "Size")), "etag": text(one, "ETag").strip('"')}
            for one in found.iter(f"{S3}Contents")
        ]
    }
    cursor = text(found, "NextContinuationToken")
    if cursor:
        page["next_cursor"] = cursor
    return page


@dataclass
class ObjectsOf:
    bucket: str
    search: str | None = None


@s3.choices
def object_choices(chosen: ObjectsOf, http: Http) -> list[Choice]:
    """The files of a bucket."""
    objects = list_objects(ObjectQuery(chosen.bucket, chosen.search, limit=1000), http)["objects"]
    return [{"text": found["key"], "value": found["key"]} for found in objects]
