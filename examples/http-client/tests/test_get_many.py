"""Get many."""

import pytest
from jackfield import InvalidInput, TimedOut
from jackfield.testing import FakeService, run

from http_client.operations.get_many import Paths, get_many


def test_one_that_cannot_be_read_does_not_keep_the_others_from_it() -> None:
    server = FakeService()
    server.get("/a", json=1)
    server.get("/b", status=404, text="gone")
    server.get("/c", error=TimedOut("The server took too long."))

    answers = run(get_many, Paths(["/a", "/b", "/c"]), service=server)["answers"]

    assert answers == [
        {"path": "/a", "status": 200, "body": 1},
        {"path": "/b", "status": 404, "body": "gone"},
        {"path": "/c", "status": 0, "body": "The server took too long."},
    ]


def test_there_is_an_end_to_what_goes_into_one_call() -> None:
    with pytest.raises(InvalidInput, match="Call several times"):
        run(get_many, Paths(["/a"] * 51), service=FakeService())
