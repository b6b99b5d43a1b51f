"""Address books on a Radicale."""

from examples.servers.radicale import running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    book = call("create_address_book", name="Friends & family")["address"]
    call("list_address_books")
    call("create_contact", book=book, name="Ada Mensah", emails=["ada@example.com"], phones=["+233 20 000 0000"])
    call("create_contact", book=book, name="Bruno; the baker")
    call("list_contacts", book=book, name="baker")
    contacts = call("contact_choices", book=book)["result"]
    call("delete_contact", book=book, contact=contacts[0]["value"])
    call("raw_http_request", method="GET", url={"endpoint": contacts[1]["value"]}, body={"none": None})
