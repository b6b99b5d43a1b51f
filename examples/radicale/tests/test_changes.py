"""Create address book, create contact, delete contact."""

import pytest
from jackfield import Conflict
from jackfield.testing import FakeService, run

from radicale.cards import read_card
from radicale.dav import CARDS, DAV
from radicale.operations.create_address_book import NewAddressBook, create_address_book
from radicale.operations.create_contact import NewContact, create_contact
from radicale.operations.delete_contact import ContactToDelete, delete_contact

PRINCIPAL = b"""<multistatus xmlns="DAV:"><response><href>/</href><propstat><prop>
<current-user-principal><href>/ada/</href></current-user-principal>
</prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"""


def test_an_address_book_is_created_under_its_owner():
    service = FakeService()
    service.on("PROPFIND", "/", status=207, content=PRINCIPAL)
    service.on("MKCOL", "/ada/{book}/", status=201)

    book = run(create_address_book, NewAddressBook("Friends & family"), service=service)

    asked = service.requests[1]
    assert asked.path == book["address"]
    assert asked.xml().findtext(f".//{DAV}displayname") == "Friends & family"
    assert asked.xml().find(f".//{CARDS}addressbook") is not None


def test_a_new_contact_never_takes_the_place_of_another():
    service = FakeService()
    service.put("/ada/friends/{contact}", status=201, headers={"ETag": '"1"'})

    saved = run(create_contact, NewContact("/ada/friends/", "Bruno; the baker", phones=["+233"]), service=service)

    asked = service.requests[0]
    assert (asked.path, asked.headers["if-none-match"]) == (saved["address"], "*")
    assert read_card(asked.path, '"1"', asked.text) == {
        "address": asked.path,
        "etag": '"1"',
        "name": "Bruno; the baker",
        "emails": [],
        "phones": ["+233"],
    }


def test_a_contact_that_has_changed_is_not_deleted():
    service = FakeService()
    service.delete("/ada/friends/bruno.vcf", status=412, text="Precondition failed.")

    with pytest.raises(Conflict, match="has changed since"):
        run(delete_contact, ContactToDelete("/ada/friends/", "/ada/friends/bruno.vcf", etag='"old"'), service=service)


def test_a_deleted_contact_is_named():
    service = FakeService()
    service.delete("/ada/friends/bruno.vcf")

    gone = run(delete_contact, ContactToDelete("/ada/friends/", "/ada/friends/bruno.vcf"), service=service)

    assert gone == {"address": "/ada/friends/bruno.vcf"}


def test_a_long_line_of_a_card_goes_on_in_the_next():
    card = "BEGIN:VCARD\r\nitem1.EMAIL;TYPE=work:ada@exam\r\n ple.com\r\nFN:Ada\\, the first\r\nEND:VCARD\r\n"

    contact = read_card("/a", "", card)

    assert (contact["emails"], contact["name"]) == (["ada@example.com"], "Ada, the first")
