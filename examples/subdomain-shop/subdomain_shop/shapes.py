"""What operations on a shop give back."""

from typing import TypedDict


class Product(TypedDict):
    """Something to buy. `price` is in the shop's own currency."""

    id: str
    title: str
    price: float


class Products(TypedDict):
    """The products of a shop, and which shop that is."""

    shop: str
    products: list[Product]
