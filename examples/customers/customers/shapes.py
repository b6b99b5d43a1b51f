"""What operations on customers give back."""

from typing import NotRequired, TypedDict


class Customer(TypedDict):
    """One customer. `last_modified` counts milliseconds since 1970."""

    id: str
    name: str
    email: str
    city: NotRequired[str]
    last_modified: int


class CustomerPage(TypedDict):
    """Some customers, and where the next ones begin. Without `next_cursor` there are no more."""

    customers: list[Customer]
    next_cursor: NotRequired[str]


class DeletedCustomer(TypedDict):
    """What Kinto remembers of a customer who was deleted."""

    id: str
    deleted: bool
