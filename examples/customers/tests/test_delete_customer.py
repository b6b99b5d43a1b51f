"""Delete customer."""

import pytest
from jackfield import NotFound
from jackfield.testing import FakeService, run

from customers.operations.delete_customer import CustomerToDelete, delete_customer


def test_a_deleted_customer_is_named() -> None:
    kinto = FakeService()
    kinto.delete("/records/ada", json={"data": {"id": "ada", "deleted": True, "last_modified": 1}})

    deleted = run(delete_customer, CustomerToDelete(customer_id="ada"), service=kinto)

    assert (deleted["id"], deleted["deleted"]) == ("ada", True)


def test_nobody_can_be_deleted_twice() -> None:
    kinto = FakeService()
    kinto.delete("/records/ada", status=404, json={"errno": 110})

    with pytest.raises(NotFound):
        run(delete_customer, CustomerToDelete(customer_id="ada"), service=kinto)
