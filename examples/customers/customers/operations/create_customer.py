"""Create customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http

from customers.connector import customers
from customers.shapes import Customer


@dataclass
class NewCustomer:
    name: Annotated[str, Field(title="Name", min_length=1)]
    email: Annotated[str, Field(title="Email", description="Where invoices go.")]
    city: Annotated[str | None, Field(title="City")] = None


@customers.operation
def create_customer(new: NewCustomer, http: Http) -> Customer:
    """Add a customer."""
    customer = {"name": new.name, "email": new.email}
    if new.city:
        customer["city"] = new.city
    return http.post("/records", json={"data": customer}).json()["data"]
