"""Update customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http, InvalidInput, choices_from

from customers.connector import customers
from customers.operations.customer_choices import customer_choices
from customers.shapes import Customer


@dataclass
class CustomerChange:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]
    name: Annotated[str | None, Field(title="Name", min_length=1)] = None
    email: Annotated[str | None, Field(title="Email")] = None
    city: Annotated[str | None, Field(title="City")] = None


@customers.operation
def update_customer(change: CustomerChange, http: Http) -> Customer:
    """Change what is known about a customer. What you leave out stays as it is."""
    given = {"name": change.name, "email": change.email, "city": change.city}
    changed = {key: value for key, value in given.items() if value is not None}
    if not changed:
        raise InvalidInput("Say what to change: a name, an email or a city.")
    return http.patch("/records/{id}", path={"id": change.customer_id}, json={"data": changed}).json()["data"]
