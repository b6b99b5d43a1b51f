"""Patch customer."""

import pytest
from jackfield import ServiceError
from jackfield.testing import Recorded

from customers.operations.patch_customer import CustomerPatch, ExpectValue, RemoveValue, SetValue, patch_customer


def test_several_steps_are_done_in_one(recorded: Recorded) -> None:
    steps = [
        ExpectValue("/city", "Kobe"),
        SetValue("/tags", ["tea"]),
        SetValue("/tags/-", "mugs"),
        RemoveValue("/city"),
    ]

    customer = recorded.run(patch_customer, CustomerPatch("chiyo", steps))

    assert customer["tags"] == ["tea", "mugs"]
    assert "city" not in customer


def test_one_step_that_does_not_fit_changes_nothing_and_says_why(recorded: Recorded) -> None:
    with pytest.raises(ServiceError, match=r"nothing was changed: .*is not equal to tested value Oslo"):
        recorded.run(
            patch_customer, CustomerPatch("dalia", [SetValue("/city", "Bergen"), ExpectValue("/name", "Oslo")])
        )
