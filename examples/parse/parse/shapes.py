"""What operations on customers give back."""

from typing import NotRequired, TypedDict


class Customer(TypedDict):
    """One customer. Dates are texts such as 2026-01-31T12:00:00.000Z."""

    objectId: str
    name: NotRequired[str]
    email: NotRequired[str]
    city: NotRequired[str]
    createdAt: NotRequired[str]
    updatedAt: NotRequired[str]


class Customers(TypedDict):
    """Customers by name."""

    customers: list[Customer]
