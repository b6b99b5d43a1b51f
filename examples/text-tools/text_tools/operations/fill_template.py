"""Fill template."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict, cast

from jackfield import Field, InvalidInput

from text_tools.connector import text_tools

GAP = re.compile(r"\{\{\s*([A-Za-z0-9_.]+)\s*\}\}")


@dataclass
class Template:
    template: Annotated[
        str, Field(title="Template", description="Gaps look like {{name}} or {{customer.name}}.", format="text")
    ]
    values: Annotated[dict[str, Any], Field(title="Values")]
    when_missing: Annotated[
        Literal["refuse", "leave_empty", "keep"],
        Field(
            title="When a value is missing",
            labels={"refuse": "Refuse", "leave_empty": "Leave it empty", "keep": "Keep the gap"},
            is_advanced=True,
        ),
    ] = "refuse"


class FilledText(TypedDict):
    """The template with its gaps filled."""

    text: str


@text_tools.operation
def fill_template(given: Template) -> FilledText:
    """Fill the gaps of a text. Values are put in as they are: nothing in them is carried out."""
    return {"text": GAP.sub(lambda gap: _value(given, gap), given.template)}


def _value(given: Template, gap: re.Match[str]) -> str:
    value: Any = given.values
    for step in gap[1].split("."):
        value = cast("dict[str, Any]", value).get(step) if isinstance(value, dict) else None
    if value is not None:
        return str(value)
    if given.when_missing == "refuse":
        raise InvalidInput(
            f"The template asks for {gap[1]!r}, which has no value. Give one, or allow it to be missing."
        )
    return gap[0] if given.when_missing == "keep" else ""
