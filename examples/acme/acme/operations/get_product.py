"""Get product."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http

from acme.connector import acme
from acme.shapes import Product


@dataclass
class ProductRef:
    product_id: Annotated[int, Field(title="Product number", description="The number in the product's address.")]


@acme.operation
def get_product(ref: ProductRef, http: Http) -> Product:
    """Read one product."""
    return http.get(f"/products/{ref.product_id}").json()
