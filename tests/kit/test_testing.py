"""Testing a connector against a fake service."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

import pytest

from jackfield import Bearer, Choice, Connector, Http, InvalidInput, NotFound, RateLimited, Secret, TimedOut, UserData
from jackfield.errors import ConnectorError, NotAllowed
from jackfield.testing import FakeService, input_of, run

shop = Connector("https://{shop}.shop.example/v1", sign_in=Bearer(), hosts=["files.shop.example"])


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass
class ProductRef:
    product_id: int


@dataclass
class Line:
    colour: Colour
    note: str | None = None


@dataclass
class Order:
    lines: list[Line]
    voucher: Secret | None = None
    tags: list[str] = field(default_factory=list[str])


class Product(TypedDict):
    title: str


@shop.operation
def get_product(ref: ProductRef, http: Http) -> Product:
    """Read one product."""
    return http.get(f"/products/{ref.product_id}", query={"lang": "en"}).json()


@shop.operation
def create_order(order: Order, http: Http) -> dict[str, Any]:
    """Order something."""
    return http.post("/orders", json=order).json()


@shop.operation
def list_products(http: Http) -> dict[str, Any]:
    """Read every page."""
    titles: list[str] = []
    url: str | None = "/products?page=1"
    while url:
        page = http.get(url)
        titles += page.json()
        url = page.next_link()
    return {"titles": titles}


@shop.choices
def colour_choices(http: Http) -> list[Choice]:
    """List the colours."""
    return [{"text": name.title(), "value": name} for name in http.get("/colours").json()]


@shop.operation
def get_file(http: Http, user_data: UserData) -> dict[str, Any]:
    """Read the shop's file from its other host."""
    return {"text": http.get(f"https://files.shop.example/{user_data['shop']}.txt").text}


@shop.operation
def steal(http: Http) -> dict[str, Any]:
    """Ask a host that is not declared."""
    return {"text": http.get("https://evil.example/").text}


@shop.operation
def stumble(http: Http) -> dict[str, Any]:
    """Have a bug."""
    raise ZeroDivisionError


def test_an_operation_gets_the_answer_it_was_promised():
    service = FakeService()
    service.get("/products/1", json={"title": "Blue socks"})

    product = run(get_product, ProductRef(product_id=1), service=service)

    assert product == {"title": "Blue socks"}
    assert [(seen.method, seen.path, seen.query) for seen in service.requests] == [
        ("GET", "/products/1", {"lang": ["en"]})
    ]


def test_an_input_may_be_what_a_caller_of_the_api_sends_and_is_checked_like_it():
    service = FakeService()
    service.get("/products/1", json={"title": "Blue socks"})

    assert run(get_product, {"product_id": 1}, service=service)["title"] == "Blue socks"
    with pytest.raises(InvalidInput, match="expected type: Integer, found: String"):
        run(get_product, {"product_id": "one"}, service=service)


def test_what_was_sent_can_be_looked_at():
    service = FakeService()
    service.post("/orders", status=201, json={"id": 7})

    run(create_order, Order([Line(Colour.RED)], voucher=Secret("abc")), service=service)

    assert service.requests[0].json()["lines"][0]["colour"] == "red"
    assert service.requests[0].headers["content-type"] == "application/json"
    assert "abc" in service.requests[0].text


def test_a_path_with_a_gap_answers_for_any_segment_and_an_exact_one_comes_first():
    service = FakeService()
    service.get("/products/{id}", json={"id": 9, "title": "any"})
    service.get("/products/1", json={"id": 1, "title": "one"})

    assert run(get_product, ProductRef(1), service=service)["title"] == "one"
    assert run(get_product, ProductRef(2), service=service)["title"] == "any"


def test_answers_come_in_the_order_they_were_told_and_a_query_picks_its_own():
    service = FakeService()
    service.get("/products?page=1", json=["a"], headers={"Link": '</products?page=2>; rel="next"'})
    service.get("/products?page=2", json=["b"])
    service.get("/products/1", status=429, headers={"Retry-After": "3"})
    service.get("/products/1", json={"title": "later"})

    assert run(list_products, service=service) == {"titles": ["a", "b"]}
    with pytest.raises(RateLimited) as limited:
        run(get_product, ProductRef(1), service=service)
    assert limited.value.retry_after_seconds == 3
    assert [run(get_product, ProductRef(1), service=service)["title"] for _ in range(2)] == ["later", "later"]


def test_a_refusal_arrives_as_the_error_it_is():
    service = FakeService()
    service.get("/products/1", status=404, json={"error": "gone"})
    service.get("/products/2", error=TimedOut("too slow"))

    with pytest.raises(NotFound, match="Not found") as refused:
        run(get_product, ProductRef(1), service=service)
    assert refused.value.to_output()["response"] == {"statusCode": 404, "body": {"error": "gone"}}
    with pytest.raises(TimedOut, match="too slow"):
        run(get_product, ProductRef(2), service=service)


def test_a_drop_down_gives_its_choices():
    service = FakeService()
    service.get("/colours", json=["red"])

    assert run(colour_choices, service=service) == {"result": [{"text": "Red", "value": "red"}]}


def test_user_data_and_other_declared_hosts_work_as_on_a_hub():
    service = FakeService()
    service.get("https://files.shop.example/blue.txt", text="hello")

    assert run(get_file, service=service, user_data={"shop": "blue"}) == {"text": "hello"}


def test_a_host_that_is_not_declared_is_refused_as_on_a_hub():
    service = FakeService()
    service.get("https://evil.example/", text="loot")

    with pytest.raises(NotAllowed, match=r"may not reach https://evil\.example"):
        run(steal, service=service)
    assert service.requests == []


def test_a_request_nobody_told_about_fails_the_test_and_says_which():
    service = FakeService()
    service.get("/products/2", json={})
    service.post("/orders?dry=1", json={})

    with pytest.raises(pytest.fail.Exception) as failed:
        run(get_product, ProductRef(1), service=service)

    assert "GET /products/1?lang=en" in str(failed.value)
    assert "GET /products/2" in str(failed.value)
    assert "POST /orders?dry=1" in str(failed.value)


def test_an_output_that_breaks_its_promise_fails_the_test():
    service = FakeService()
    service.get("/products/1", json={"name": "Blue socks"})

    with pytest.raises(pytest.fail.Exception, match=r"required key \[title\] not found"):
        run(get_product, ProductRef(1), service=service)


def test_a_bug_shows_its_traceback_to_the_author():
    with pytest.raises(ConnectorError, match="ZeroDivisionError"):
        run(stumble, service=FakeService())


def test_an_input_is_sent_as_json_without_what_is_none():
    @dataclass
    class Everything:
        day: datetime.date
        lines: list[Line]
        more: dict[str, Any]

    given = Everything(datetime.date(2024, 1, 2), [Line(Colour.RED), Line(Colour.BLUE, "x")], {"a": Line(Colour.RED)})

    assert input_of(given) == {
        "day": "2024-01-02",
        "lines": [{"colour": "red"}, {"colour": "blue", "note": "x"}],
        "more": {"a": {"colour": "red"}},
    }
    assert input_of(None) == {}
