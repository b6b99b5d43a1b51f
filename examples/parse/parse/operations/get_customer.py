"""Get customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http, choices_from

from parse.connector import parse
from parse.operations.customer_choices import customer_choices
from parse.shapes import Customer


@dataclass
class CustomerRef:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]


@parse.operation
def get_customer(ref: CustomerRef, http: Http) -> Customer:
    """Read one customer."""
    return http.get("/classes/Customer/{id}", path={"id": ref.customer_id}).json()
