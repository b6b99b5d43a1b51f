"""List contacts."""

from dataclasses import dataclass
from typing import Annotated
from xml.etree.ElementTree import SubElement

from jackfield import Field, Http, choices_from

from radicale.cards import read_card
from radicale.connector import radicale
from radicale.dav import CARDS, DAV, answers, document
from radicale.operations.address_book_choices import address_book_choices
from radicale.shapes import Contacts


@dataclass
class ContactQuery:
    book: Annotated[str, Field(title="Address book"), choices_from(address_book_choices)]
    name: Annotated[str | None, Field(title="Name contains", description="Upper and lower case are the same.")] = None
    limit: Annotated[int, Field(title="How many at most", minimum=1, maximum=1000, is_advanced=True)] = 100


@radicale.operation
def list_contacts(wanted: ContactQuery, http: Http) -> Contacts:
    """List the contacts of an address book, or those with a certain name."""
    root, properties = document(f"{CARDS}addressbook-query", f"{DAV}prop")
    SubElement(properties, f"{DAV}getetag")
    SubElement(properties, f"{CARDS}address-data")
    chosen = SubElement(SubElement(root, f"{CARDS}filter"), f"{CARDS}prop-filter", {"name": "FN"})
    if wanted.name:
        SubElement(chosen, f"{CARDS}text-match", {"collation": "i;unicode-casemap"}).text = wanted.name
    found = answers(http.request("REPORT", wanted.book, xml=root, headers={"Depth": 1}).xml())
    contacts = [
        read_card(address, card.findtext(f"{DAV}getetag", ""), card.findtext(f"{CARDS}address-data", ""))
        for address, card in found
    ]
    return {"contacts": sorted(contacts, key=lambda contact: contact["name"])[: wanted.limit]}
