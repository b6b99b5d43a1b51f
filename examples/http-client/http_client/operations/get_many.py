"""Get many."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import AsyncHttp, Field, InvalidInput, NoAnswer

from http_client.connector import http_client

MOST = 50


@dataclass
class Paths:
    paths: Annotated[list[str], Field(title="Paths", description=f"At most {MOST}.", examples=(["/orders/7"],))]
    at_once: Annotated[int, Field(title="At once", minimum=1, maximum=10, is_advanced=True)] = 5


class Answers(TypedDict):
    """What the server answered to each, in the same order; a status of 0 means that it did not."""

    answers: list[dict[str, Any]]


@http_client.operation
async def get_many(wanted: Paths, http: AsyncHttp) -> Answers:
    """Read several things at the same time. One that cannot be read does not keep the others from it."""
    if len(wanted.paths) > MOST:
        raise InvalidInput(f"That are {len(wanted.paths)} paths, and {MOST} go in one call. Call several times.")
    turns = asyncio.Semaphore(wanted.at_once)

    async def get(path: str) -> dict[str, Any]:
        try:
            async with turns:
                answer = await http.get(path, accept=range(300, 600))
        except NoAnswer as failure:
            return {"path": path, "status": 0, "body": failure.message}
        return {"path": path, "status": answer.status, "body": answer.readable_body()}

    return {"answers": list(await asyncio.gather(*map(get, wanted.paths)))}
