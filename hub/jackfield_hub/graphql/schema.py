"""The schema as clients see it, made from queries.py and mutations.py."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from jackfield_hub.graphql.limits import Limits
from jackfield_hub.graphql.mutations import Mutation
from jackfield_hub.graphql.queries import Query
from jackfield_hub.graphql.scalars import JSON_SCALAR, JsonValue


class Schema(strawberry.Schema):
    """Strawberry's, which would write every mistake of a client to the log, with its words."""

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        pass  # problems.py says what is ours


schema = Schema(
    query=Query,
    mutation=Mutation,
    extensions=[Limits],
    config=StrawberryConfig(scalar_map={JsonValue: JSON_SCALAR}),
)
