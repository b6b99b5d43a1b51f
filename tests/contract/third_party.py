"""A third party on loopback: a small shop that answers, refuses and breaks as a test wants it to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.hub.shop import answering

CHANNELS = {"north": ["alpha", "beta"], "south": ["gamma"]}


@dataclass
class ThirdParty:
    """Where it is, and what it was asked: one `METHOD path key` a request."""

    url: str = ""
    asked: list[str] = field(default_factory=list[str])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs} {request.headers.get('X-Api-Key', '-')}")
        kind, _, name = request.path.strip("/").partition("/")
        if kind == "status":
            return web.json_response({"said": "no"}, status=int(name), headers={"Retry-After": "7"})
        if kind == "channels":
            return web.json_response(CHANNELS.get(name, []))
        if kind == "echo":
            return web.json_response({"key": request.headers.get("X-Api-Key", "")})
        return web.json_response({"ts": "1700000000.1", "channel": name})


@asynccontextmanager
async def running_third_party() -> AsyncGenerator[ThirdParty]:
    third_party = ThirdParty()
    async with answering(third_party.answer) as third_party.url:
        yield third_party
