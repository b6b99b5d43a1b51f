"""List records."""

from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, TypedDict

from jackfield import Choice, Field, Forbidden, Http, InvalidInput, choices_from

from graphql_api.asking import ask
from graphql_api.connector import graphql_api

LISTS = "{ __schema { queryType { fields { name type { kind ofType { name } } args { name } } } } }"


@graphql_api.choices
def list_choices(http: Http) -> list[Choice]:
    """The lists of this API that can be paged through."""
    try:
        fields: list[dict[str, Any]] = ask(http, LISTS, {}).data["__schema"]["queryType"]["fields"]
    except Forbidden as refusal:
        raise Forbidden(
            "This API does not tell your key what it has. Take the name of a list from its documentation.",
            refusal.response,
        ) from None
    paged = [field["name"] for field in fields if {"first", "after"} <= {arg["name"] for arg in field["args"]}]
    return [{"text": name, "value": name} for name in sorted(paged)]


@dataclass
class RecordQuery:
    records: Annotated[str, Field(title="Records", pattern="^[A-Za-z_]\\w*$"), choices_from(list_choices)]
    fields: Annotated[
        list[str], Field(title="Fields", description="What to read of each record.", examples=(["name", "email"],))
    ]
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=100)] = 20
    cursor: Annotated[
        str | None, Field(title="Cursor", description="`next_cursor` of the page before.", is_advanced=True)
    ] = None


class RecordPage(TypedDict):
    """Some records, and where the next ones begin. Without `next_cursor` there are no more."""

    records: list[dict[str, Any]]
    next_cursor: NotRequired[str]


@graphql_api.operation
def list_records(wanted: RecordQuery, http: Http) -> RecordPage:
    """List records with the fields you need, one page at a time."""
    if not wanted.fields or not all(field.isidentifier() for field in wanted.fields):
        raise InvalidInput(
            "Name at least one field. A field is a single word, such as name; ask deeper with Run query."
        )
    query = (
        f"query ($first: Int, $after: String) {{ {wanted.records}(first: $first, after: $after) "
        f"{{ pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {' '.join(wanted.fields)} }} }} }} }}"
    )
    found = ask(http, query, {"first": wanted.limit, "after": wanted.cursor}).data[wanted.records]
    page: RecordPage = {"records": [edge["node"] for edge in found["edges"]]}
    if found["pageInfo"]["hasNextPage"]:
        page["next_cursor"] = found["pageInfo"]["endCursor"]
    return page
