"""List contacts."""

from jackfield.testing import Recorded

from radicale.operations.contact_choices import ContactsOf, contact_choices
from radicale.operations.list_contacts import ContactQuery, list_contacts


def test_contacts_are_listed_by_name(recorded: Recorded) -> None:
    contacts = recorded.run(list_contacts, ContactQuery("/ada/friends/"))["contacts"]

    assert [contact["name"] for contact in contacts] == ["Ada Mensah", "Bruno; the baker"]
    assert contacts[0]["emails"] == ["ada@example.com", "ada@example.org"]
    assert contacts[0]["etag"]


def test_a_name_is_found_whatever_its_case(recorded: Recorded) -> None:
    found = recorded.run(list_contacts, ContactQuery("/ada/friends/", name="BAKER"))["contacts"]

    assert [contact["phones"] for contact in found] == [["+233 20 000 0000"]]


def test_the_drop_down_shows_the_contacts_of_its_book(recorded: Recorded) -> None:
    choices = recorded.run(contact_choices, ContactsOf("/ada/friends/"))["result"]

    assert choices[1] == {"text": "Bruno; the baker", "value": "/ada/friends/bruno.vcf"}
