"""XML to JSON."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict
from xml.parsers.expat import ExpatError

import xmltodict
from jackfield import Field, InvalidInput

from text_tools.connector import text_tools


@dataclass
class XmlText:
    xml: Annotated[str, Field(title="XML", format="code", min_length=1)]
    lists: Annotated[
        list[str] | None,
        Field(
            title="Always a list",
            description="Elements that stay a list even when there is only one of them.",
            is_advanced=True,
        ),
    ] = None


class Data(TypedDict):
    """What the document says. Attributes are keys that start with @, a text beside them is `#text`."""

    data: dict[str, Any]


@text_tools.operation(title="XML to JSON")
def xml_to_json(given: XmlText) -> Data:
    """Read an XML document as an object. Documents that define entities of their own are refused."""
    try:
        return {"data": xmltodict.parse(given.xml, force_list=tuple(given.lists or ()))}
    except ExpatError as mistake:
        raise InvalidInput(f"This is not well-formed XML: {mistake}. Check that every element is closed.") from None
    except ValueError:
        raise InvalidInput("This XML defines entities (<!ENTITY …>), which may be a trap. Send it without.") from None
