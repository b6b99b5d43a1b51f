"""A call run once in the zygote: what the kit imports only when it is first used, no worker has to import again."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, TypedDict

from jackfield import Choice, Connector, Field, Http
from jackfield.exchange import Request, Response
from jackfield.manifest import Metadata, ServiceRef
from jackfield.runner import Call, run

LIKED = (
    "asyncio",
    "csv",
    "datetime",
    "decimal",
    "hashlib",
    "hmac",
    "html",
    "uuid",
    "xml.etree.ElementTree",
    "zoneinfo",
)


@dataclass
class _Asked:
    name: Annotated[str, Field(title="Name")] = "x"


class _Given(TypedDict):
    name: str


class _Nobody:
    def send(self, request: Request) -> Response:
        return Response(200, (("Content-Type", "application/json"),), b'{"name": "x"}', request.url)


def warm_up() -> None:
    """Import what connectors like to use, describe a connector, and run its operations."""
    for module in LIKED:
        import_module(module)
    connector = Connector("https://warm.invalid")

    @connector.operation
    def ask(asked: _Asked, http: Http) -> _Given:
        """Ask."""
        return http.get("/{name}", path={"name": asked.name}).json()

    @connector.choices
    def names(http: Http) -> list[Choice]:
        """Names."""
        return [Choice(text="x", value="x")]

    connector.manifest(Metadata("warm", "1.0", "Warm", "", ServiceRef("warm", 1)))
    for operation in (ask, names):
        run(connector, Call(operation.__name__, {}, "https://warm.invalid"), _Nobody())
    run(connector, Call("ask", {"name": 1}), _Nobody())
