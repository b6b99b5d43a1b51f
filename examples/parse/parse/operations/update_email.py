"""Update e-mail."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http, choices_from

from parse.connector import parse
from parse.operations.customer_choices import customer_choices
from parse.operations.get_customer import CustomerRef, get_customer
from parse.shapes import Customer


@dataclass
class NewEmail:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]
    email: Annotated[str, Field(title="New e-mail", pattern="^[^@ ]+@[^@ ]+$", examples=("ada@example.com",))]


@parse.operation(title="Update e-mail", is_idempotent=True)
def update_email(new: NewEmail, http: Http) -> Customer:
    """Change a customer's e-mail. Everything else stays as it is."""
    http.put("/classes/Customer/{id}", path={"id": new.customer_id}, json={"email": new.email})
    return get_customer(CustomerRef(new.customer_id), http)
