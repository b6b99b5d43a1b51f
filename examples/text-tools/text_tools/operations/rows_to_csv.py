"""Rows to CSV."""

import csv
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Any, TypedDict

from jackfield import Field

from text_tools.connector import text_tools
from text_tools.operations.csv_to_rows import Delimiter


@dataclass
class Table:
    rows: Annotated[list[dict[str, Any]], Field(title="Rows", description="Objects whose keys are the columns.")]
    columns: Annotated[
        list[str] | None,
        Field(
            title="Columns",
            description="Which columns, and in which order. Left out: all, as they come.",
            is_advanced=True,
        ),
    ] = None
    delimiter: Delimiter = ","


class Csv(TypedDict):
    """A table as text; its first line names the columns."""

    csv: str


@text_tools.operation(title="Rows to CSV")
def rows_to_csv(table: Table) -> Csv:
    """Write objects as a table of comma-separated values. What a row does not have stays empty."""
    columns = table.columns or list(dict.fromkeys(name for row in table.rows for name in row))
    written = StringIO()
    writer = csv.DictWriter(written, columns, delimiter=table.delimiter, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.rows)
    return {"csv": written.getvalue()}
