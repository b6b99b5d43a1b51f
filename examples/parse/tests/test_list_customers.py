"""List customers."""

from jackfield.testing import FakeService, Recorded, run

from parse.operations.list_customers import CustomerQuery, list_customers


def test_all_customers_come_through_pages_of_two(recorded: Recorded) -> None:
    customers = recorded.run(list_customers, CustomerQuery(batch_size=2))["customers"]

    assert [customer["city"] for customer in customers] == ["Accra", "Basel", "Kobe", "Amman", "Aarhus"]


def test_no_more_pages_are_asked_for_than_were_wanted() -> None:
    parse = FakeService()
    parse.get("/classes/Customer?order=name&limit=2", json={"results": [{"objectId": "a"}, {"objectId": "b"}]})

    customers = run(list_customers, CustomerQuery(limit=2), service=parse, user_data={"application": "app"})[
        "customers"
    ]

    assert len(customers) == 2
    assert [seen.headers["x-parse-application-id"] for seen in parse.requests] == ["app"]
