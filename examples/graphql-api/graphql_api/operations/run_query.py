"""Run query."""

from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from jackfield import Field, Http

from graphql_api.asking import ask
from graphql_api.connector import graphql_api


@dataclass
class Query:
    query: Annotated[
        str,
        Field(
            title="Query",
            description="A query or a mutation. What changes from call to call belongs into the variables.",
            format="code",
            min_length=1,
            examples=("query ($id: ID!) { customer(id: $id) { name } }",),
        ),
    ]
    variables: Annotated[dict[str, Any], Field(title="Variables", format="code")] = field(
        default_factory=dict[str, Any]
    )
    is_partial_allowed: Annotated[
        bool,
        Field(
            title="Take what there is",
            description="When one part of the answer fails, give the other parts, and say what failed.",
            is_advanced=True,
        ),
    ] = False


class QueryAnswer(TypedDict):
    """What was asked for; `errors` says which parts are missing."""

    data: dict[str, Any]
    errors: list[str]


@graphql_api.operation
def run_query(asked: Query, http: Http) -> QueryAnswer:
    """Ask a question, or change something."""
    answer = ask(http, asked.query, asked.variables, is_partial_allowed=asked.is_partial_allowed)
    return {"data": answer.data, "errors": answer.errors}
