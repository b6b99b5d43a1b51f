"""Get customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http

from customers.connector import customers
from customers.shapes import Customer


@dataclass
class CustomerRef:
    customer_id: Annotated[str, Field(title="Customer id")]


@customers.operation
def get_customer(ref: CustomerRef, http: Http) -> Customer:
    """Read one customer."""
    return http.get("/records/{id}", path={"id": ref.customer_id}).json()["data"]
