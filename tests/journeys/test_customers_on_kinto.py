"""The customers example against the real Kinto: what its recordings were taken from."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

from examples.servers.kinto import SOME_CUSTOMERS, Kinto, running_kinto
from jackfield.connector import Connector
from jackfield.egress.grant import Grant
from jackfield.egress.local import OWN_NETWORKS, LocalTransport
from jackfield.egress.templates import resolve_template
from jackfield.exchange import Transport
from jackfield.project import find_project, load
from jackfield.runner import Call, Outcome, run
from tests.journeys.pasted import REPOSITORY


@dataclass
class Desk:
    """The connector, signed in to a Kinto that holds five customers."""

    connector: Connector
    transport: Transport
    base_url: str

    def run(self, operation: str, **given: Any) -> Outcome:
        return run(self.connector, Call(operation, given, self.base_url), self.transport)

    def output(self, operation: str, **given: Any) -> Any:
        """Return the output of an operation that must succeed."""
        outcome = self.run(operation, **given)
        assert outcome.is_success, outcome
        assert outcome.broken_promises == ()
        return outcome.output


@pytest.fixture(scope="module")
def kinto(tmp_path_factory: pytest.TempPathFactory) -> Generator[Kinto]:
    with running_kinto(tmp_path_factory.mktemp("kinto"), password="p:w/ü") as kinto:
        yield kinto


@pytest.fixture
def desk(kinto: Kinto) -> Generator[Desk]:
    kinto.put_customers()
    with LocalTransport(grant(kinto, kinto.password)) as transport:
        yield desk_of(kinto, transport)


def desk_of(kinto: Kinto, transport: Transport) -> Desk:
    connector = load(find_project(REPOSITORY / "examples" / "customers"))
    return Desk(connector, transport, resolve_template(connector.base_url, {"server": kinto.url}))


def grant(kinto: Kinto, password: str) -> Grant:
    connector = load(find_project(REPOSITORY / "examples" / "customers"))
    return Grant.to_service(
        connector.base_url,
        hosts=connector.hosts,
        user_data={"server": kinto.url},
        sign_in=connector.sign_in,
        credentials={"username": kinto.username, "password": password},
        addresses=OWN_NETWORKS,
    )


def test_a_customer_is_created_read_changed_and_deleted(desk: Desk):
    created = desk.output("create_customer", name="Femi Adeyemi", email="femi@example.com")
    changed = desk.output("update_customer", customer_id=created["id"], city="Lagos")
    read = desk.output("get_customer", customer_id=created["id"])
    deleted = desk.output("delete_customer", customer_id=created["id"])
    gone = desk.run("get_customer", customer_id=created["id"])

    assert created["name"] == "Femi Adeyemi"
    assert (changed["city"], changed["email"]) == ("Lagos", "femi@example.com")
    assert read == changed
    assert deleted["deleted"] is True
    assert (gone.is_success, gone.output["kind"]) == (False, "NotFound")


def test_a_list_goes_on_where_the_page_before_ended(desk: Desk):
    first = desk.output("list_customers", limit=2)
    second = desk.output("list_customers", limit=2, cursor=first["next_cursor"])
    third = desk.output("list_customers", limit=2, cursor=second["next_cursor"])

    pages = (first, second, third)
    assert [customer["id"] for page in pages for customer in page["customers"]] == sorted(SOME_CUSTOMERS)
    assert "next_cursor" not in third


def test_the_drop_down_names_every_customer(desk: Desk):
    choices = desk.output("customer_choices")["result"]

    assert {choice["value"]: choice["text"] for choice in choices} == {
        customer_id: customer["name"] for customer_id, customer in SOME_CUSTOMERS.items()
    }


def test_a_change_of_nothing_is_refused_before_kinto_is_asked(desk: Desk):
    outcome = desk.run("update_customer", customer_id="ada")

    assert (outcome.is_success, outcome.output["kind"]) == (False, "InvalidInput")


@pytest.mark.parametrize("customer_id", ["../accounts", "", "a/b", "ada?x=1", "é"])
def test_an_id_never_leads_to_another_address(desk: Desk, customer_id: str):
    outcome = desk.run("get_customer", customer_id=customer_id)

    assert outcome.output["kind"] in {"InvalidInput", "ServiceError", "NotFound"}


def test_a_wrong_password_is_said_and_never_shown(kinto: Kinto):
    with LocalTransport(grant(kinto, "not the password")) as transport:
        outcome = desk_of(kinto, transport).run("list_customers")

    assert (outcome.is_success, outcome.output["kind"]) == (False, "NotSignedIn")
    assert "not the password" not in str(outcome.output)
