"""The customers, for a drop-down that one can search."""

import json
import re
from dataclasses import dataclass

from jackfield import Choice, Http

from parse.connector import parse


@dataclass
class CustomersCalled:
    search: str | None = None


@parse.choices
def customer_choices(wanted: CustomersCalled, http: Http) -> list[Choice]:
    """Customers by name, with their e-mail."""
    where = {"name": {"$regex": re.escape(wanted.search), "$options": "i"}} if wanted.search else {}
    query = {"where": json.dumps(where), "order": "name", "limit": 100, "keys": "name,email"}
    found = http.get("/classes/Customer", query=query).json()["results"]
    return [
        {"text": f"{customer['name']} ({customer.get('email', 'no e-mail')})", "value": customer["objectId"]}
        for customer in found
    ]
