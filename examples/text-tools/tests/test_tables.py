"""CSV to rows, rows to CSV."""

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from text_tools.operations.csv_to_rows import CsvText, csv_to_rows
from text_tools.operations.rows_to_csv import Table, rows_to_csv

NOBODY = FakeService()


def test_lines_become_rows_by_column_names():
    read = run(csv_to_rows, CsvText('\ufeffname;note\nAda;"tea; sugar"\n\nBruno;\n', delimiter=";"), service=NOBODY)

    assert read == {"rows": [{"name": "Ada", "note": "tea; sugar"}, {"name": "Bruno", "note": ""}]}


def test_rows_become_lines():
    rows = [{"name": "Ada", "cups": 2}, {"name": "Bruno", "city": "Basel"}]

    assert run(rows_to_csv, Table(rows), service=NOBODY)["csv"] == "name,cups,city\nAda,2,\nBruno,,Basel\n"
    assert run(rows_to_csv, Table(rows, columns=["city"]), service=NOBODY)["csv"] == 'city\n""\nBasel\n'


@pytest.mark.parametrize(
    ("csv", "said"),
    [("", "first line"), ("a,a\n1,2", "name of its own"), ("a,b\n1", "Line 2 has 1"), ('a\n"b', "not closed")],
)
def test_what_is_no_table_is_refused(csv: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        run(csv_to_rows, CsvText(csv), service=NOBODY)
