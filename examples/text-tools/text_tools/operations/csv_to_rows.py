"""CSV to rows."""

import csv
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Any, Literal, TypedDict

from jackfield import Field, InvalidInput

from text_tools.connector import text_tools

Delimiter = Annotated[
    Literal[",", ";", "\t", "|"],
    Field(
        title="Separator",
        labels={",": "Comma", ";": "Semicolon (as many spreadsheets write)", "\t": "Tab", "|": "Bar"},
    ),
]


@dataclass
class CsvText:
    csv: Annotated[str, Field(title="CSV", description="The first line names the columns.", format="code")]
    delimiter: Delimiter = ","


class Rows(TypedDict):
    """The lines below the first, each by column names. All values are texts."""

    rows: list[dict[str, str]]


@text_tools.operation(title="CSV to rows")
def csv_to_rows(given: CsvText) -> Rows:
    """Read a table of comma-separated values."""
    names = _columns(given)
    rows: list[dict[str, str]] = []
    for number, values in enumerate(_lines(given)[1:], start=2):
        if len(values) != len(names):
            raise InvalidInput(
                f"Line {number} has {len(values)} values, and the first line names {len(names)} columns. "
                "Is the separator the right one?"
            )
        rows.append(dict(zip(names, values, strict=True)))
    return {"rows": rows}


@text_tools.output_schema_of(csv_to_rows)
def rows_of(given: CsvText) -> dict[str, Any]:
    """Say which columns this table has."""
    row = {"type": "object", "properties": {name: {"type": "string"} for name in _columns(given)}}
    return {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}


def _columns(given: CsvText) -> list[str]:
    names = (_lines(given) or [[]])[0]
    if not names:
        raise InvalidInput("There is nothing in this CSV. Its first line has to name the columns.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInput(f"Two columns are called {repeated[0]!r}. Give each a name of its own.")
    return names


def _lines(given: CsvText) -> list[list[str]]:
    without_mark = given.csv.removeprefix("\ufeff")  # spreadsheets begin a file with this
    try:
        return [
            values for values in csv.reader(StringIO(without_mark), delimiter=given.delimiter, strict=True) if values
        ]
    except csv.Error as mistake:
        raise InvalidInput(f"This is not CSV: {mistake}. Look for a quotation mark that is not closed.") from None
