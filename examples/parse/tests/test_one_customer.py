"""Customer choices, get customer, create customer, update e-mail."""

import pytest
from jackfield import InvalidInput, NotFound
from jackfield.testing import FakeService, Recorded, run

from parse.operations.create_customer import NewCustomer, create_customer
from parse.operations.customer_choices import CustomersCalled, customer_choices
from parse.operations.get_customer import CustomerRef, get_customer
from parse.operations.update_email import NewEmail, update_email

APP = {"application": "app"}


def test_a_customer_is_chosen_and_read(recorded: Recorded) -> None:
    choices = recorded.run(customer_choices, CustomersCalled())["result"]
    customer = recorded.run(get_customer, CustomerRef(choices[0]["value"]))

    assert choices[0]["text"] == "Ada Mensah (ada@example.com)"
    assert customer["city"] == "Accra"


def test_the_drop_down_is_searched_without_a_difference_between_upper_and_lower_case(recorded: Recorded) -> None:
    assert [choice["text"] for choice in recorded.run(customer_choices, CustomersCalled("tanaka"))["result"]] == [
        "Chiyo Tanaka (chiyo@example.com)"
    ]


def test_what_is_searched_for_is_no_pattern(recorded: Recorded) -> None:
    assert recorded.run(customer_choices, CustomersCalled(".*"))["result"] == []


def test_a_customer_that_is_not_there_says_so(recorded: Recorded) -> None:
    with pytest.raises(NotFound):
        recorded.run(get_customer, CustomerRef("nosuch"))


def test_a_customer_is_created_with_what_was_given() -> None:
    parse = FakeService()
    parse.post("/classes/Customer", status=201, json={"objectId": "c1", "createdAt": "2026-01-31T12:00:00.000Z"})

    created = run(create_customer, NewCustomer("Ada", "ada@example.com"), service=parse, user_data=APP)

    assert created["objectId"] == "c1"
    assert parse.requests[0].json() == {"name": "Ada", "email": "ada@example.com"}


@pytest.mark.parametrize("email", ["", "ada", "ada@", "a da@example.com"])
def test_what_is_no_email_is_refused_before_parse_is_asked(email: str) -> None:
    with pytest.raises(InvalidInput, match="email"):
        run(create_customer, NewCustomer("Ada", email), service=FakeService(), user_data=APP)


def test_a_new_email_changes_nothing_else() -> None:
    parse = FakeService()
    parse.put("/classes/Customer/c1", json={"updatedAt": "2026-01-31T12:00:00.000Z"})
    parse.get("/classes/Customer/c1", json={"objectId": "c1", "name": "Ada", "email": "new@example.com"})

    changed = run(update_email, NewEmail("c1", "new@example.com"), service=parse, user_data=APP)

    assert changed["email"] == "new@example.com"
    assert parse.requests[0].json() == {"email": "new@example.com"}
