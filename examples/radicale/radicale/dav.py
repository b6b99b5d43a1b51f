"""WebDAV and CardDAV: requests and answers in XML, one answer for many things."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement

from jackfield import Http

DAV, CARDS = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"


def document(root: str, *path: str) -> tuple[Element, Element]:
    """Return a document of nested elements, and the innermost of them."""
    top = inner = Element(root)
    for name in path:
        inner = SubElement(inner, name)
    return top, inner


def ask_for(http: Http, address: str, depth: int, *properties: str) -> Iterator[tuple[str, Element]]:
    """Yield the address of each thing there, and an element that holds those properties it has."""
    root, asked = document(f"{DAV}propfind", f"{DAV}prop")
    for name in properties:
        SubElement(asked, name)
    yield from answers(http.request("PROPFIND", address, xml=root, headers={"Depth": depth}).xml())


def answers(multistatus: Element) -> Iterator[tuple[str, Element]]:
    """Yield the address and the properties that were found of each thing in a multi-status answer."""
    for response in multistatus.iter(f"{DAV}response"):
        for part in response.iter(f"{DAV}propstat"):
            found = part.find(f"{DAV}prop")
            if found is not None and " 200 " in part.findtext(f"{DAV}status", ""):
                yield response.findtext(f"{DAV}href", ""), found


def home(http: Http) -> str:
    """Return the address under which the address books of whoever is signed in are."""
    for _, found in ask_for(http, "/", 0, f"{DAV}current-user-principal"):
        address = found.findtext(f"{DAV}current-user-principal/{DAV}href")
        if address:
            return address
    return "/"
