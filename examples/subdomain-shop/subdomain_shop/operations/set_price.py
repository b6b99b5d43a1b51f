"""Set price."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Choice, Field, Http, UserData, choices_from

from subdomain_shop.connector import subdomain_shop
from subdomain_shop.operations.list_products import ProductQuery, list_products
from subdomain_shop.shapes import Product


@subdomain_shop.choices
def product_choices(http: Http, user_data: UserData) -> list[Choice]:
    """Products by title."""
    products = list_products(ProductQuery(limit=100), http, user_data)["products"]
    return [{"text": product["title"], "value": product["id"]} for product in products]


@dataclass
class NewPrice:
    product_id: Annotated[str, Field(title="Product"), choices_from(product_choices)]
    price: Annotated[float, Field(title="Price", minimum=0)]


@subdomain_shop.operation(is_idempotent=True)
def set_price(new: NewPrice, http: Http) -> Product:
    """Change what a product costs."""
    changed = {"data": {"price": new.price}}
    return http.patch("/products/records/{id}", path={"id": new.product_id}, json=changed).json()["data"]
