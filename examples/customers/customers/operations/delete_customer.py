"""Delete customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http, choices_from

from customers.connector import customers
from customers.operations.customer_choices import customer_choices
from customers.shapes import DeletedCustomer


@dataclass
class CustomerToDelete:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]


@customers.operation
def delete_customer(chosen: CustomerToDelete, http: Http) -> DeletedCustomer:
    """Delete a customer for good."""
    return http.delete("/records/{id}", path={"id": chosen.customer_id}).json()["data"]
