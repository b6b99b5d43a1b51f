"""Download photo."""

from dataclasses import dataclass
from typing import Annotated, TypedDict
from urllib.parse import urlsplit

from jackfield import Field, File, Http, NotFound, choices_from

from parse.connector import parse
from parse.operations.customer_choices import customer_choices


@dataclass
class PhotoOf:
    customer_id: Annotated[str, Field(title="Customer"), choices_from(customer_choices)]


class Photo(TypedDict):
    """A customer's photo, to be fetched or given to another operation."""

    photo: File


@parse.operation
def download_photo(chosen: PhotoOf, http: Http) -> Photo:
    """Get the photo of a customer as a file."""
    customer = http.get("/classes/Customer/{id}", path={"id": chosen.customer_id}).json()
    if "photo" not in customer:
        raise NotFound(f"{customer['name']} has no photo yet. Add one when you create a customer.")
    # The server names its files by a whole address of its own; the path is what we need to ask it.
    address: str = customer["photo"]["url"]
    return {"photo": http.get(urlsplit(address).path.removeprefix("/parse"), to_file=customer["photo"]["name"]).file}
