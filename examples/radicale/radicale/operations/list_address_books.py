"""List address books."""

from jackfield import Http

from radicale.connector import radicale
from radicale.dav import CARDS, DAV, ask_for, home
from radicale.shapes import AddressBook, AddressBooks


@radicale.operation
def list_address_books(http: Http) -> AddressBooks:
    """List your address books."""
    books: list[AddressBook] = []
    for address, found in ask_for(http, home(http), 1, f"{DAV}resourcetype", f"{DAV}displayname"):
        if found.find(f"{DAV}resourcetype/{CARDS}addressbook") is not None:
            books.append({"address": address, "name": found.findtext(f"{DAV}displayname") or address})
    return {"books": sorted(books, key=lambda book: book["name"])}
