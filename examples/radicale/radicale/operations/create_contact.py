"""Create contact."""

from dataclasses import dataclass, field
from typing import Annotated
from uuid import uuid4

from jackfield import Field, Http, choices_from

from radicale.cards import write_card
from radicale.connector import radicale
from radicale.operations.address_book_choices import address_book_choices
from radicale.shapes import SavedContact


@dataclass
class NewContact:
    book: Annotated[str, Field(title="Address book"), choices_from(address_book_choices)]
    name: Annotated[str, Field(title="Name", min_length=1)]
    emails: Annotated[list[str], Field(title="E-mail addresses")] = field(default_factory=list[str])
    phones: Annotated[list[str], Field(title="Phone numbers")] = field(default_factory=list[str])


@radicale.operation
def create_contact(new: NewContact, http: Http) -> SavedContact:
    """Add a contact to an address book."""
    uid = str(uuid4())
    address = f"{new.book}{uid}.vcf"
    card = write_card(uid, new.name, new.emails, new.phones)
    answer = http.put(address, text=card, content_type="text/vcard; charset=utf-8", headers={"If-None-Match": "*"})
    return {"address": address, "etag": answer.headers.get("etag", "")}
