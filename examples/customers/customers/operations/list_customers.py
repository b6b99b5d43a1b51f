"""List customers."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from jackfield import Field, Http

from customers.connector import customers
from customers.shapes import CustomerPage

NEXT_PAGE = "Next-Page"  # Kinto puts the whole address of the next page here; what moves on is its `_token`


@dataclass
class CustomerQuery:
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=100)] = 20
    cursor: Annotated[
        str | None, Field(title="Cursor", description="`next_cursor` of the page before.", is_advanced=True)
    ] = None


@customers.operation
def list_customers(wanted: CustomerQuery, http: Http) -> CustomerPage:
    """List customers by name, one page at a time."""
    answer = http.get("/records", query={"_sort": "name", "_limit": wanted.limit, "_token": wanted.cursor})
    page: CustomerPage = {"customers": answer.json()["data"]}
    next_page = answer.headers.get(NEXT_PAGE)
    if next_page:
        page["next_cursor"] = parse_qs(urlsplit(next_page).query)["_token"][0]
    return page
