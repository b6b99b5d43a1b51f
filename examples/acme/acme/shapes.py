"""What Acme answers, as far as we promise it. More keys may come."""

from typing import TypedDict


class Product(TypedDict):
    """One thing Acme sells."""

    id: int
    title: str
    price: float
