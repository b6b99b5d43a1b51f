"""List products."""

from dataclasses import dataclass
from typing import Annotated, Literal

from jackfield import Field, Http, NotFound, UserData

from subdomain_shop.connector import subdomain_shop
from subdomain_shop.shapes import Products


@dataclass
class ProductQuery:
    order: Annotated[
        Literal["title", "price", "-price"],
        Field(title="Order", labels={"title": "By title", "price": "Cheapest first", "-price": "Dearest first"}),
    ] = "title"
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=100, is_advanced=True)] = 20


@subdomain_shop.operation
def list_products(wanted: ProductQuery, http: Http, user_data: UserData) -> Products:
    """List what a shop sells."""
    shop = user_data["shop"]
    try:
        answer = http.get("/products/records", query={"_sort": wanted.order, "_limit": wanted.limit})
    except NotFound as refusal:
        raise NotFound(
            f"There is no shop {shop!r} at this address. Check its spelling in the authentication.", refusal.response
        ) from None
    return {"shop": shop, "products": answer.json()["data"]}
