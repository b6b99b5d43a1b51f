"""Update customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Conflict, Field, Http, InvalidInput, choices_from

from customers.connector import customers
from customers.operations.customer_choices import customer_choices
from customers.shapes import Customer


@dataclass
class CustomerChange:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]
    name: Annotated[str | None, Field(title="Name", min_length=1)] = None
    email: Annotated[str | None, Field(title="Email")] = None
    city: Annotated[str | None, Field(title="City")] = None
    unchanged_since: Annotated[
        int | None,
        Field(
            title="Unchanged since",
            description="`last_modified` of the customer you read: somebody else's later change is not overwritten.",
            is_advanced=True,
        ),
    ] = None


@customers.operation
def update_customer(change: CustomerChange, http: Http) -> Customer:
    """Change what is known about a customer. What you leave out stays as it is."""
    given = {"name": change.name, "email": change.email, "city": change.city}
    changed = {key: value for key, value in given.items() if value is not None}
    if not changed:
        raise InvalidInput("Say what to change: a name, an email or a city.")
    condition = f'"{change.unchanged_since}"' if change.unchanged_since is not None else None
    try:
        answer = http.patch(
            "/records/{id}",
            path={"id": change.customer_id},
            json={"data": changed},
            headers={"If-Match": condition},
        )
    except Conflict as refusal:
        raise Conflict(
            "Somebody has changed this customer since you read it. Read it again and decide anew.", refusal.response
        ) from None
    return answer.json()["data"]
