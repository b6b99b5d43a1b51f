"""JSON to XML."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import xmltodict
from jackfield import Field, InvalidInput

from text_tools.connector import text_tools


@dataclass
class JsonData:
    data: Annotated[
        dict[str, Any],
        Field(title="Data", description="An object. Keys that start with @ become attributes, #text the text inside."),
    ]
    root: Annotated[str, Field(title="Root element", description="The element around everything.")] = "root"
    is_indented: Annotated[bool, Field(title="Easy to read", description="One element a line.", is_advanced=True)] = (
        False
    )


class Xml(TypedDict):
    """An XML document as text."""

    xml: str


@text_tools.operation(title="JSON to XML")
def json_to_xml(given: JsonData) -> Xml:
    """Write an object as an XML document."""
    try:
        return {"xml": xmltodict.unparse({given.root: given.data}, pretty=given.is_indented)}
    except ValueError as reason:
        raise InvalidInput(
            f"This cannot be XML: {reason}. Element names are letters, digits, - and _, and start with a letter."
        ) from None
