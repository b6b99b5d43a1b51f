"""List records."""

import pytest
from jackfield import Forbidden, InvalidInput
from jackfield.testing import FakeService, Recorded, run

from graphql_api.operations.list_records import RecordQuery, list_choices, list_records


def test_a_page_leads_to_the_next(recorded: Recorded) -> None:
    first = recorded.run(list_records, RecordQuery("customers", ["name", "city"], limit=3))
    last = recorded.run(list_records, RecordQuery("customers", ["name", "city"], limit=3, cursor=first["next_cursor"]))

    assert sorted(record["city"] for page in (first, last) for record in page["records"]) == [
        "Aarhus",
        "Accra",
        "Amman",
        "Basel",
        "Kobe",
    ]
    assert "next_cursor" not in last


def test_an_api_that_keeps_its_description_to_itself_is_an_error_with_advice(recorded: Recorded) -> None:
    with pytest.raises(Forbidden, match="Take the name of a list from its documentation"):
        recorded.run(list_choices)


def test_the_drop_down_has_what_can_be_paged_through() -> None:
    api = FakeService()
    fields = [
        {"name": "customers", "args": [{"name": "first"}, {"name": "after"}]},
        {"name": "customer", "args": [{"name": "id"}]},
    ]
    api.post("", json={"data": {"__schema": {"queryType": {"fields": fields}}}})

    choices = run(list_choices, service=api, user_data={"application": "app"})["result"]

    assert choices == [{"text": "customers", "value": "customers"}]


@pytest.mark.parametrize("fields", [[], ["name }"], ["a b"]])
def test_a_field_cannot_carry_a_query_of_its_own(fields: list[str]) -> None:
    with pytest.raises(InvalidInput, match="single word"):
        run(list_records, RecordQuery("customers", fields), service=FakeService(), user_data={"application": "app"})
