"""The address books, for a drop-down."""

from jackfield import Choice, Http

from radicale.connector import radicale
from radicale.operations.list_address_books import list_address_books


@radicale.choices
def address_book_choices(http: Http) -> list[Choice]:
    """Address books by name."""
    return [{"text": book["name"], "value": book["address"]} for book in list_address_books(http)["books"]]
