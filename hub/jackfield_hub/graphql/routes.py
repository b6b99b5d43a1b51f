"""POST /graphql."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from jackfield_hub.clock import written_out
from jackfield_hub.errors import InvalidInput, RateLimited, TooLarge, refusals
from jackfield_hub.graphql.shapes import AnswerBody, Question, QuestionBody, read_question
from jackfield_hub.hub import Hub
from jackfield_hub.web import CurrentCaller, CurrentHub, read_body

if TYPE_CHECKING:
    from types import ModuleType


class _Route(APIRoute):
    """Tells clients of GraphQL of a rate limit where they look for problems: in `errors`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RateLimited as refusal:
                hub: Hub = request.app.state.hub
                hub.numbers.count_refusal(refusal)
                body = _told_in_errors(refusal, hub.clock())
                return Response(body, refusal.status, refusal.headers, media_type="application/json")

        return answer


router = APIRouter(tags=["GraphQL"], route_class=_Route)


async def _read_question(request: Request, _caller: CurrentCaller, hub: CurrentHub) -> Question:
    """Read the body whatever its label says, and only for somebody with a token."""
    return read_question(await read_body(request, hub.settings.max_body_bytes))


AskedQuestion = Annotated[Question, Depends(_read_question)]
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": QuestionBody.model_json_schema()}}}
}


@router.post("/graphql", response_model=AnswerBody, responses=refusals(InvalidInput, TooLarge), openapi_extra=_BODY)
async def answer(question: AskedQuestion, caller: CurrentCaller, hub: CurrentHub, request: Request) -> Response:
    """Carry out a GraphQL document. The schema can be asked for, and is in docs/reference/graphql.md."""
    service = await asyncio.to_thread(_service)
    content = await service.answer(hub, caller, question, request.state.request_id)
    return Response(content, media_type="application/json")


def _told_in_errors(refusal: RateLimited, now: float) -> bytes:
    extensions = {"name": "PreconditionError", "code": "access_not_allowed", "time_thrown": written_out(now)}
    problem = {"message": refusal.message, "extensions": extensions}
    return orjson.dumps({**refusal.to_json(), "data": None, "errors": [problem]})


def _service() -> ModuleType:
    # GraphQL's libraries take a third of a second and 15 MB to import: only a hub that is asked pays for them, and
    # in a thread, so that calls go on meanwhile.
    from jackfield_hub.graphql import service

    return service
