"""Get customer."""

import pytest
from jackfield import NotFound
from jackfield.testing import FakeService, Recorded, run

from customers.operations.get_customer import CustomerRef, get_customer


def test_a_customer_is_read_by_id(recorded: Recorded) -> None:
    customer = recorded.run(get_customer, CustomerRef(customer_id="ada"))

    assert customer["name"] == "Ada Mensah"


def test_a_customer_that_is_gone_says_so() -> None:
    kinto = FakeService()
    kinto.get("/records/nobody", status=404, json={"errno": 110, "error": "Not Found"})

    with pytest.raises(NotFound) as gone:
        run(get_customer, CustomerRef(customer_id="nobody"), service=kinto)

    assert gone.value.response is not None
    assert gone.value.response.readable_body()["errno"] == 110
