"""Customers in a parse-server: the classic walkthrough."""

from examples.servers.parse import running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    choices = call("customer_choices")["result"]
    call("get_customer", customer_id=choices[0]["value"])
    created = call("create_customer", name="Femi Adeyemi", email="femi@example.com")
    call("update_email", customer_id=created["objectId"], email="femi@example.org")
    call("list_customers", batch_size=2)
    photo = call.file("ada.png", b"not quite a picture", "image/png")
    pictured = call("create_customer", name="Ghita Alami", email="ghita@example.com", photo=photo)
    call("download_photo", customer_id=pictured["objectId"])
    call("customer_choices", search="tanaka")
    call("call_function", name="greet")
