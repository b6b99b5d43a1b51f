"""List address books."""

from jackfield.testing import Recorded

from radicale.operations.address_book_choices import address_book_choices
from radicale.operations.list_address_books import list_address_books


def test_address_books_are_found_and_calendars_are_not(recorded: Recorded) -> None:
    books = recorded.run(list_address_books)["books"]

    assert [book["name"] for book in books] == ["Family", "Friends & colleagues"]


def test_the_drop_down_names_each_address_book(recorded: Recorded) -> None:
    assert recorded.run(address_book_choices)["result"][0] == {"text": "Family", "value": "/ada/family/"}
