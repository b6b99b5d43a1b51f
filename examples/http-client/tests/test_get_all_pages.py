"""Get all pages."""

from typing import Any

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from http_client.operations.get_all_pages import get_all_pages


def test_a_link_leads_from_page_to_page() -> None:
    server = FakeService()
    server.get("/orders?n=2", json=[1, 2], headers={"Link": '</orders?n=2&after=2>; rel="next"'})
    server.get("/orders?n=2&after=2", json=[3])

    assert run(get_all_pages, {"path": "/orders", "query": {"n": 2}}, service=server) == {
        "items": [1, 2, 3],
        "pages": 2,
    }


def test_a_cursor_is_taken_from_where_the_answer_says_it() -> None:
    server = FakeService()
    server.get("/orders", json={"data": {"items": [1]}, "meta": {"next": "c2"}})
    server.get("/orders?after=c2", json={"data": {"items": [2]}, "meta": {"next": ""}})
    paging = {"cursor": "meta.next", "parameter": "after"}

    got = run(get_all_pages, {"path": "/orders", "items": "data.items", "paging": paging}, service=server)

    assert got == {"items": [1, 2], "pages": 2}


def test_pages_are_counted_until_one_is_empty() -> None:
    server = FakeService()
    for number, items in enumerate(([1, 2], [3], []), start=1):
        server.get(f"/orders?page={number}", json={"orders": items})

    asked: dict[str, Any] = {"path": "/orders", "items": "orders", "paging": {"page": "page"}}

    assert run(get_all_pages, asked, service=server) == {"items": [1, 2, 3], "pages": 3}
    assert run(get_all_pages, {**asked, "limit": 2}, service=server) == {"items": [1, 2], "pages": 1}


def test_an_answer_without_a_list_says_how_to_find_it() -> None:
    server = FakeService()
    server.get("/orders", json={"orders": [1]})

    with pytest.raises(InvalidInput, match="no list at 'items'"):
        run(get_all_pages, {"path": "/orders", "items": "items"}, service=server)
