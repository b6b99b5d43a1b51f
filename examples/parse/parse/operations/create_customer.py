"""Create customer."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, File, Http

from parse.connector import parse
from parse.shapes import Customer


@dataclass
class NewCustomer:
    name: Annotated[str, Field(title="Name", min_length=1)]
    email: Annotated[str, Field(title="E-mail", pattern="^[^@ ]+@[^@ ]+$", examples=("ada@example.com",))]
    city: Annotated[str | None, Field(title="City")] = None
    photo: Annotated[File | None, Field(title="Photo", is_advanced=True)] = None


@parse.operation
def create_customer(new: NewCustomer, http: Http) -> Customer:
    """Add a customer."""
    customer: dict[str, object] = {"name": new.name, "email": new.email}
    if new.city:
        customer["city"] = new.city
    if new.photo:
        kept = http.post(
            "/files/{name}", path={"name": new.photo.name}, file=new.photo, content_type=new.photo.mime_type
        )
        customer["photo"] = {"__type": "File", "name": kept.json()["name"]}
    return http.post("/classes/Customer", json=customer).json()
