"""What operations on address books give back."""

from typing import TypedDict


class AddressBook(TypedDict):
    """An address book. `address` is its path on the server."""

    address: str
    name: str


class AddressBooks(TypedDict):
    """All address books of whoever is signed in."""

    books: list[AddressBook]


class Contact(TypedDict):
    """A person. `etag` changes whenever the contact does."""

    address: str
    etag: str
    name: str
    emails: list[str]
    phones: list[str]


class Contacts(TypedDict):
    """The contacts of an address book."""

    contacts: list[Contact]


class SavedContact(TypedDict):
    """Where a contact is now."""

    address: str
    etag: str
