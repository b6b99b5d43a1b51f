"""List objects."""

import pytest
from jackfield import NotFound
from jackfield.testing import Recorded

from s3.operations.list_objects import ObjectQuery, ObjectsOf, bucket_choices, list_objects, object_choices

BUCKET = "mugs-and-more"


def test_a_page_leads_to_the_next(recorded: Recorded) -> None:
    first = recorded.run(list_objects, ObjectQuery(BUCKET, "2026/", limit=2))
    last = recorded.run(list_objects, ObjectQuery(BUCKET, "2026/", limit=2, cursor=first["next_cursor"]))

    assert [found["key"] for page in (first, last) for found in page["objects"]] == [
        "2026/a.txt",
        "2026/b.txt",
        "2026/c d+e.txt",
    ]
    assert first["objects"][0]["size"] == len("first")
    assert "next_cursor" not in last


def test_drop_downs_show_buckets_and_their_files(recorded: Recorded) -> None:
    assert recorded.run(bucket_choices)["result"] == [{"text": BUCKET, "value": BUCKET}]
    assert len(recorded.run(object_choices, ObjectsOf(BUCKET, "2025/"))["result"]) == 1


def test_a_bucket_that_is_not_there_is_an_error_with_advice(recorded: Recorded) -> None:
    with pytest.raises(NotFound, match="no bucket called 'nosuch'"):
        recorded.run(list_objects, ObjectQuery("nosuch"))
