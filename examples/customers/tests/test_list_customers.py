"""List customers."""

from jackfield.testing import Recorded

from customers.operations.list_customers import CustomerQuery, list_customers


def test_a_page_leads_to_the_next(recorded: Recorded) -> None:
    first = recorded.run(list_customers, CustomerQuery(limit=3))
    last = recorded.run(list_customers, CustomerQuery(limit=3, cursor=first["next_cursor"]))

    assert [customer["id"] for customer in first["customers"]] == ["ada", "bruno", "chiyo"]
    assert [customer["id"] for customer in last["customers"]] == ["dalia", "emil"]
    assert "next_cursor" not in last
