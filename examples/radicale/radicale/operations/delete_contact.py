"""Delete contact."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

from jackfield import Conflict, Field, Http, choices_from

from radicale.connector import radicale
from radicale.operations.address_book_choices import address_book_choices
from radicale.operations.contact_choices import contact_choices


@dataclass
class ContactToDelete:
    book: Annotated[str, Field(title="Address book"), choices_from(address_book_choices)]
    contact: Annotated[str, Field(title="Contact"), choices_from(contact_choices, book="book")]
    etag: Annotated[
        str | None,
        Field(title="ETag", description="Delete only if it is still the one with this ETag.", is_advanced=True),
    ] = None


class DeletedContact(TypedDict):
    """The address at which a contact was."""

    address: str


@radicale.operation
def delete_contact(chosen: ContactToDelete, http: Http) -> DeletedContact:
    """Delete a contact for good."""
    try:
        http.delete(chosen.contact, headers={"If-Match": chosen.etag})
    except Conflict as refusal:
        raise Conflict(
            "This contact has changed since its ETag was read, so it was not deleted. List the contacts again.",
            refusal.response,
        ) from None
    return {"address": chosen.contact}
