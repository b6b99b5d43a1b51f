"""Create address book."""

from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4
from xml.etree.ElementTree import SubElement

from jackfield import Field, Http

from radicale.connector import radicale
from radicale.dav import CARDS, DAV, document, home
from radicale.shapes import AddressBook


@dataclass
class NewAddressBook:
    name: Annotated[str, Field(title="Name", min_length=1)]


@radicale.operation
def create_address_book(new: NewAddressBook, http: Http) -> AddressBook:
    """Add an empty address book."""
    address = f"{home(http)}{uuid4()}/"
    root, properties = document(f"{DAV}mkcol", f"{DAV}set", f"{DAV}prop")
    kind = SubElement(properties, f"{DAV}resourcetype")
    SubElement(kind, f"{DAV}collection")
    SubElement(kind, f"{CARDS}addressbook")
    SubElement(properties, f"{DAV}displayname").text = new.name
    http.request("MKCOL", address, xml=root)
    return {"address": address, "name": new.name}
