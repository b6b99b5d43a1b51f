"""XML, as answers hold it and requests carry it.

A document type (`<!DOCTYPE …>`) is refused: with it a short document becomes a huge one, or names files to read.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, tostring

XML_TYPE = "application/xml; charset=utf-8"


class XmlMistake(ValueError):
    """This is no XML we take; the message says what is wrong with it."""


class _WithoutDoctype(TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise XmlMistake("it has a document type (<!DOCTYPE …>), which is not read")


def read_xml(content: bytes) -> Element:
    """Return the root element of a document. Raises XmlMistake."""
    parser = XMLParser(target=_WithoutDoctype())  # noqa: S314 - what makes it unsafe is a document type
    try:
        parser.feed(content)
        return parser.close()
    except ParseError as mistake:
        raise XmlMistake(f"it is not well-formed: {mistake}") from None


def write_xml(root: Element) -> bytes:
    """Return a document with this root element."""
    return tostring(root, encoding="utf-8", xml_declaration=True)
