"""Answering a document: held against the limits, carried out in time, and what went wrong told as documented."""

from __future__ import annotations

import asyncio

import orjson
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from jackfield.exchange import JsonObject
from jackfield_hub.graphql.context import Context
from jackfield_hub.graphql.limits import Limit, OverLimit, check_text
from jackfield_hub.graphql.problems import to_json
from jackfield_hub.graphql.schema import schema
from jackfield_hub.graphql.shapes import Question
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller


async def answer(hub: Hub, caller: Caller, question: Question, request_id: str) -> bytes:
    """Return `{"data": …}`, or `{"data": null, "errors": […]}`: whatever goes wrong in a document is told in there."""
    try:
        data, problems = await _carry_out(hub, caller, question, request_id)
    except GraphQLError as problem:
        data, problems = None, [problem]
    if not problems:
        return orjson.dumps({"data": data})
    now = hub.clock()
    return orjson.dumps({"data": data, "errors": [to_json(problem, request_id, now) for problem in problems]})


async def _carry_out(
    hub: Hub, caller: Caller, question: Question, request_id: str
) -> tuple[JsonObject | None, list[GraphQLError]]:
    check_text(question.document)
    try:
        async with asyncio.timeout(hub.settings.graphql_seconds) as patience:
            result = await schema.execute(
                question.document,
                variable_values=question.variables,
                context_value=Context(hub, caller, request_id, question.operation_name, patience),
                operation_name=question.operation_name,
            )
    except TimeoutError:
        raise OverLimit(Limit.TOOK_TOO_LONG, "This took too long and was stopped; ask for less") from None
    except CannotGetOperationTypeError as mistake:
        raise GraphQLError(mistake.as_http_error_reason()) from None
    return result.data, result.errors or []
