"""Customers in a Kinto."""

from examples.servers.kinto import running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    first = call("list_customers", limit=2)
    call("list_customers", limit=2, cursor=first["next_cursor"])
    created = call("create_customer", name="Femi Adeyemi", email="femi@example.com")
    call("update_customer", customer_id=created["id"], city="Lagos")
    call("patch_customer", customer_id=created["id"], steps=[{"path": "/tags", "value": ["tea"]}])
    call("customer_choices")
    call("delete_customer", customer_id=created["id"])
