"""List customers."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http

from parse.connector import parse
from parse.shapes import Customer, Customers


@dataclass
class CustomerQuery:
    limit: Annotated[int, Field(title="How many at most", minimum=1, maximum=10_000)] = 100
    batch_size: Annotated[
        int,
        Field(
            title="Batch size",
            description="How many to ask the server for at a time.",
            minimum=1,
            maximum=1000,
            is_advanced=True,
        ),
    ] = 100


@parse.operation
def list_customers(wanted: CustomerQuery, http: Http) -> Customers:
    """List customers by name, through as many pages as it takes."""
    customers: list[Customer] = []
    size = min(wanted.batch_size, wanted.limit)
    pages = http.pages(
        "/classes/Customer",
        query={"order": "name", "limit": size},
        # parse-server counts what to skip; a page that is not full is the last one
        next_page=lambda page: {"skip": len(customers) if len(page.json()["results"]) == size else None},
    )
    for page in pages:
        customers += page.json()["results"]
        if len(customers) >= wanted.limit:
            break
    return {"customers": customers[: wanted.limit]}
