"""Create customer."""

from jackfield.testing import FakeService, Recorded, run

from customers.operations.create_customer import NewCustomer, create_customer
from customers.operations.delete_customer import CustomerToDelete, delete_customer


def test_a_new_customer_has_an_id(recorded: Recorded) -> None:
    customer = recorded.run(create_customer, NewCustomer(name="Femi Adeyemi", email="femi@example.com"))
    recorded.run(delete_customer, CustomerToDelete(customer_id=customer["id"]))

    assert customer["id"]
    assert customer["name"] == "Femi Adeyemi"


def test_a_city_is_sent_only_when_there_is_one() -> None:
    kinto = FakeService()
    kinto.post("/records", status=201, json={"data": {"id": "1", "name": "Gus", "email": "", "last_modified": 1}})

    run(create_customer, NewCustomer(name="Gus", email="gus@example.com"), service=kinto)

    assert kinto.requests[0].json() == {"data": {"name": "Gus", "email": "gus@example.com"}}
