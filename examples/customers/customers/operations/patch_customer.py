"""Patch customer."""

from dataclasses import dataclass
from typing import Annotated, Any

from jackfield import Field, Http, ServiceError, choices_from

from customers.connector import customers
from customers.operations.customer_choices import customer_choices
from customers.shapes import Customer

INVALID_PARAMETERS = 107  # in Kinto's own counting
JSON_PATCH = "application/json-patch+json"
Where = Annotated[str, Field(title="Where", description="Such as /city or /tags/0; /tags/- is the end.", pattern="^/.")]


@dataclass
class SetValue:
    path: Where
    value: Annotated[Any, Field(title="Value")]


@dataclass
class RemoveValue:
    remove: Where


@dataclass
class ExpectValue:
    """Nothing is changed unless this is true."""

    expected: Where
    value: Annotated[Any, Field(title="Value")]


@dataclass
class CustomerPatch:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]
    steps: Annotated[list[SetValue | RemoveValue | ExpectValue], Field(title="Steps", description="In this order.")]


@customers.operation
def patch_customer(patch: CustomerPatch, http: Http) -> Customer:
    """Change a customer in several steps: all of them are done, or none."""
    steps = [_written(step) for step in patch.steps]
    address = {"id": patch.customer_id}
    try:
        return http.patch("/records/{id}", path=address, json=steps, content_type=JSON_PATCH).json()["data"]
    except ServiceError as refusal:
        if refusal.said.get("errno") != INVALID_PARAMETERS:
            raise
        raise ServiceError(
            f"A step does not fit the customer as it is now, so nothing was changed: {refusal.said['message']}. "
            "Read the customer, then mend the step.",
            refusal.response,
        ) from None


def _written(step: SetValue | RemoveValue | ExpectValue) -> dict[str, Any]:
    """Return the step as RFC 6902 writes it."""
    match step:
        case SetValue(path=path, value=value):  # "add" also replaces what is there
            return {"op": "add", "path": f"/data{path}", "value": value}
        case RemoveValue(remove=path):
            return {"op": "remove", "path": f"/data{path}"}
        case ExpectValue(expected=path, value=value):
            return {"op": "test", "path": f"/data{path}", "value": value}
