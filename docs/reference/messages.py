"""What people read when something is wrong: situations that are run, and the messages that come of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jackfield.connector import Connector
from jackfield.errors import TimedOut
from jackfield.project import load, open_project
from jackfield.runner import Call, run
from jackfield.testing import FAKE_BASE_URL, FakeService

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FAULT = b"""<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><Fault><Reason><Text>The value is no
 number</Text></Reason></Fault></Body></Envelope>"""
NO_KEY = b"<Error><Code>NoSuchKey</Code></Error>"
WRONG_SECRET = b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
UNKNOWN_LAYER = {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "detail": f"sha256:{'0' * 64}"}]}
PAGE: dict[str, list[str]] = {"results": []}
MUGS = {"shop": "mugs"}
APP = {"application": "app"}
PROVIDER = {"provider": "https://login.example.com"}

Answers = Callable[[FakeService], None]


@dataclass(frozen=True)
class Situation:
    """Something that goes wrong in an operation of an example: with what input, or because the service answers what."""

    happens: str
    example: str
    operation: str
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    answers: Answers = lambda service: None
    user_data: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def message(self) -> str:
        """What the person who called reads. Raises AssertionError when the operation succeeds."""
        service = FakeService()
        self.answers(service)
        call = Call(self.operation, self.given, FAKE_BASE_URL, self.user_data)
        outcome = run(connector_of(self.example), call, service)
        assert not outcome.is_success, f"{self.example}, {self.operation}: nothing went wrong"
        return outcome.output["message"]


@cache
def connector_of(example: str) -> Connector:
    return load(open_project(EXAMPLES / example))


def get(path: str, **answer: Any) -> Answers:
    return lambda service: service.get(path, **answer)


def post(path: str, **answer: Any) -> Answers:
    return lambda service: service.post(path, **answer)


CUSTOMER = "/records/{id}"
SITUATIONS = [
    Situation("a field is missing", "customers", "get_customer"),
    Situation("a value has another type", "customers", "list_customers", {"limit": "ten"}),
    Situation("nothing is left to do", "customers", "update_customer", {"customer_id": "ada"}),
    Situation("there is no such thing", "customers", "get_customer", {"customer_id": "x"}, get(CUSTOMER, status=404)),
    Situation("the password is wrong", "customers", "get_customer", {"customer_id": "x"}, get(CUSTOMER, status=401)),
    Situation("one may not", "customers", "get_customer", {"customer_id": "x"}, get(CUSTOMER, status=403)),
    Situation("an id leads elsewhere", "customers", "get_customer", {"customer_id": ".."}),
    Situation(
        "somebody was faster",
        "customers",
        "update_customer",
        {"customer_id": "ada", "city": "Accra", "unchanged_since": 1},
        lambda service: service.patch(CUSTOMER, status=412),
    ),
    Situation(
        "the service is broken",
        "customers",
        "get_customer",
        {"customer_id": "x"},
        get(CUSTOMER, status=502, text="oops"),
    ),
    Situation(
        "a page comes instead of JSON",
        "customers",
        "get_customer",
        {"customer_id": "x"},
        get(CUSTOMER, text="<html>", headers={"Content-Type": "text/html"}),
    ),
    Situation(
        "there were too many requests",
        "parse",
        "call_function",
        {"name": "greet"},
        post("/functions/greet", status=429, headers={"Retry-After": "10"}),
        APP,
    ),
    Situation(
        "the service stays silent",
        "parse",
        "list_customers",
        {},
        get(
            "/classes/Customer", error=TimedOut("parse.example.com did not answer within 30 seconds. Try again later.")
        ),
        APP,
    ),
    Situation("an auth does not say everything", "parse", "list_customers", {}, get("/classes/Customer", json=PAGE)),
    Situation(
        "a shop is misspelled",
        "subdomain-shop",
        "list_products",
        {},
        get("/products/records", status=404),
        MUGS,
    ),
    Situation(
        "a key has another case",
        "s3",
        "download_object",
        {"bucket": "mugs", "key": "A.txt"},
        get("/mugs/A.txt", status=404, content=NO_KEY),
    ),
    Situation(
        "a secret is wrong", "s3", "list_objects", {"bucket": "mugs"}, get("/mugs", status=403, content=WRONG_SECRET)
    ),
    Situation(
        "a layer is missing",
        "docker-registry",
        "put_manifest",
        {"repository": "shop", "tag": "v1", "manifest": {"mediaType": "application/json"}},
        lambda service: service.put("/shop/manifests/v1", status=400, json=UNKNOWN_LAYER),
    ),
    Situation("a refusal arrives as a success", "map-catalogue", "search_maps", {}, post("", content=FAULT)),
    Situation(
        "a query is misspelled",
        "graphql-api",
        "run_query",
        {"query": "{ nope }"},
        post("", status=400, json={"errors": [{"message": 'Cannot query field "nope".'}]}),
        APP,
    ),
    Situation(
        "a sign-in is over",
        "oidc-account",
        "get_account",
        {},
        lambda service: (
            service.get("/.well-known/openid-configuration", json={"userinfo_endpoint": "https://service.test/me"}),
            service.get("/me", status=401),
        )[0],
        PROVIDER,
    ),
    Situation("a table has a gap", "text-tools", "csv_to_rows", {"csv": "name,city\nAda"}),
    Situation("XML is a trap", "text-tools", "xml_to_json", {"xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
    Situation(
        "a gap of a text has no value", "text-tools", "fill_template", {"template": "Dear {{name}}", "values": {}}
    ),
    Situation("an amount is none", "text-tools", "split_money", {"amount": "ten", "shares": [1]}),
    Situation(
        "a list is elsewhere", "http-client", "get_all_pages", {"path": "/orders"}, get("/orders", json={"data": []})
    ),
]
