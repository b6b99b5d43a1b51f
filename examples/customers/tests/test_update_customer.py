"""Update customer."""

import pytest
from jackfield import Conflict, InvalidInput
from jackfield.testing import FakeService, Recorded, run

from customers.operations.update_customer import CustomerChange, update_customer


def test_what_is_left_out_stays_as_it_is(recorded: Recorded) -> None:
    customer = recorded.run(update_customer, CustomerChange(customer_id="emil", city="Odense"))

    assert customer["city"] == "Odense"
    assert customer["email"] == "emil@example.com"


def test_a_change_of_nothing_asks_for_one() -> None:
    kinto = FakeService()

    with pytest.raises(InvalidInput, match="Say what to change"):
        run(update_customer, CustomerChange(customer_id="emil"), service=kinto)

    assert kinto.requests == []


def test_a_later_change_of_somebody_else_is_not_overwritten(recorded: Recorded) -> None:
    with pytest.raises(Conflict, match="Read it again and decide anew"):
        recorded.run(update_customer, CustomerChange(customer_id="emil", city="Odense", unchanged_since=1))
