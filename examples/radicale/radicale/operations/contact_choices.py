"""The contacts of an address book, for a drop-down."""

from dataclasses import dataclass

from jackfield import Choice, Http

from radicale.connector import radicale
from radicale.operations.list_contacts import ContactQuery, list_contacts


@dataclass
class ContactsOf:
    book: str


@radicale.choices
def contact_choices(chosen: ContactsOf, http: Http) -> list[Choice]:
    """Contacts by name."""
    contacts = list_contacts(ContactQuery(chosen.book), http)["contacts"]
    return [{"text": contact["name"], "value": contact["address"]} for contact in contacts]
