"""Write docs/reference from the code: `make docs`. A test compares what is there with what this would write.

errors.md      what an operation can raise, and what the hub refuses
settings.md    what an operator can set
http-api.md    every address of the hub
command.md     every command and option
messages.md    what people read when something is wrong
two-kits.md    the same operation in this kit and in the official one (in docs/why)
graphql.md     what can be asked and done in GraphQL, and how much of it at once
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, TypeVar

import jackfield_hub
from docs.reference.messages import SITUATIONS
from docs.why.two_kits import two_kits_page
from jackfield import errors as operation_errors
from jackfield.cli.reference import command_page
from jackfield.errors import OperationError
from jackfield.oauth import errors as oauth_errors
from jackfield_hub import errors as refusals
from jackfield_hub.app import ROUTERS
from jackfield_hub.calls.openapi import describe_call_path
from jackfield_hub.errors import Refused
from jackfield_hub.graphql.limits import ALLOWED
from jackfield_hub.graphql.schema import schema
from jackfield_hub.openapi import describe_api
from jackfield_hub.settings import PREFIX, Settings

Base = TypeVar("Base")

HERE = Path(__file__).parent
API_HEAD = ["method", "path", "what it does", "statuses"]
NOTE = "<!-- Written by `make docs` from the code. Do not edit. -->"


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file name."""
    return {
        "errors.md": errors_page(),
        "settings.md": settings_page(),
        "http-api.md": http_api_page(),
        "command.md": command_page(),
        "graphql.md": graphql_page(),
        "messages.md": messages_page(),
        "../why/two-kits.md": two_kits_page(),
    }


def errors_page() -> str:
    results = (
        ["error", "code", "fault", "when"],
        [
            [f"`{kind.__name__}`", f"`{kind.code}`", f"`{kind.fault.value}`", first_paragraph(kind)]
            for kind in subclasses(OperationError, operation_errors, oauth_errors, *modules_of(jackfield_hub))
        ],
    )
    answers = (
        ["status", "code", "when"],
        [
            [str(kind.status), f"`{kind.code}`" if kind.code else "", first_paragraph(kind)]
            for kind in sorted(
                subclasses(Refused, refusals, *modules_of(jackfield_hub)),
                key=lambda kind: (kind.status, kind.code or ""),
            )
        ],
    )
    return page(
        "Errors",
        "Two families. An operation that does not succeed is a *result*: the call is answered with status 200 and "
        '`{"outcome": "error", "output": {…}}`. A request that the hub cannot serve is *refused*: '
        "a status that is not 2xx.",
        "## What a call can end with",
        "`output` holds `message` (for people), `code`, `kind` (the name in the first column, the most precise thing a "
        "program can look at) and `fault`: who has to do something about it. If the third party answered, `response` "
        "holds its `statusCode` and `body`, and `retryAfterSeconds` how long it asks to wait, as far as it says that. "
        "Those an operation may raise are in `jackfield.errors`; the usual ones in `jackfield`, too.",
        table(*results),
        "## What the hub refuses",
        "The body is JSON with a text `message`, mostly with a `code` for programs.",
        table(*answers),
    )


def messages_page() -> str:
    rows = [
        [situation.happens, f"`{situation.example}`", " ".join(situation.message.split())] for situation in SITUATIONS
    ]
    return page(
        "Messages",
        "What people read when something is wrong. Each of these was run: in an operation of an example, with a "
        "service that answers as in the first column. A message says what to do next; to programs, an error says more "
        "([errors](errors.md)).",
        table(["when", "example", "message"], rows),
    )


def settings_page() -> str:
    rows = [
        [f"`{PREFIX}{name.upper()}`", said_default(field.default), field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    return page(
        "Settings of the hub",
        "Each is an environment variable. A value that is not understood stops the start, with a message that names "
        f"the variable. A variable that begins with `{PREFIX}` and is not a setting is not read, and `jackfield serve` "
        "and `jackfield doctor` say so. `jackfield serve --help` shows the few that are options too.",
        table(["variable", "default", "meaning"], rows),
    )


def http_api_page() -> str:
    routes = [route for router in ROUTERS for route in router.routes]
    described = describe_api("", routes, describe_call_path())
    rooms: dict[str, list[list[str]]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            room = operation.get("tags", ["Other"])[0]
            meaning = operation.get("description", "").split("\n\n")[0].replace("\n", " ")
            rooms.setdefault(room, []).append(
                [f"`{method.upper()}`", f"`{path}`", meaning, ", ".join(sorted(operation["responses"]))]
            )
    sections = [part for room in sorted(rooms) for part in (f"## {room}", table(API_HEAD, rooms[room]))]
    return page(
        "The HTTP API of the hub",
        "A running hub describes all of it, with every field, at `/docs` and `/openapi.json`. Tokens go into "
        "`Authorization: Bearer …`. Bodies are JSON, whatever their Content-Type says.",
        *sections,
    )


def graphql_page() -> str:
    return page(
        "GraphQL",
        '`POST /graphql` with `{"query": …, "variables": …, "operationName": …}` and a token in '
        "`Authorization: Bearer …`. Users of an organization are managed with its master token; with a user token one "
        "sees and makes one's own. It is for servers: browsers of other pages are not let in.",
        "Lists have `first`, `after`, `last` and `before`, as Relay has them. They are in the order of the ids, and a "
        "cursor is an id in base64: it stays good when its node is removed. A list without `first` or `last` is "
        "answered as a whole, up to its limit; `hasNextPage` says whether there is more.",
        "## Errors",
        "The status is 200 and `data` is null as soon as anything goes wrong in a document; mutations before the one "
        "that failed were carried out, those after it were not. A body that is no single question is refused with "
        "400, a bad token with 401, as everywhere else. `extensions` of an error has `time_thrown` and",
        table(
            ["name", "code", "when"],
            [
                ["`PreconditionError`", "`access_not_allowed`", "A good token, but not one for this."],
                ["", "`user_does_not_exist`", "The organization has no end user with this id."],
                ["", "`user_already_exists`", "It has one with this external id."],
                [
                    "",
                    "`resource_does_not_exist`",
                    "There is no such auth, environment, connector, version or operation.",
                ],
                ["", "`resource_already_exists`", "It is there already, or something still needs it."],
                ["`GraphQLError`", "", "The document is not GraphQL, or not of this schema."],
                ["", "`invalid_input`", "A value does not fit."],
                ["", "one of those below", "The document asks for too much."],
                ["`InternalError`", "", "We failed. `errorId` is in the log of the hub."],
            ],
        ),
        "## Limits",
        "Fragments count wherever they are spread.",
        table(["code", "at most"], [[f"`{limit.value}`", allowed] for limit, allowed in ALLOWED.items()]),
        "## Schema",
        f"```graphql\n{schema.as_str()}\n```",
    )


def subclasses(base: type[Base], *modules: ModuleType) -> list[type[Base]]:
    """Return the classes of these modules below `base`, each once, in the order they are written."""
    values = [value for module in modules for value in vars(module).values()]
    return list(
        dict.fromkeys(kind for kind in values if inspect.isclass(kind) and issubclass(kind, base) and kind is not base)
    )


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """Yield every module of a package, in the order of their names, but for commands and migrations."""
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        if not {"__main__", "migrations"} & set(found.name.split(".")):
            yield import_module(found.name)


def first_paragraph(kind: type) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def said_default(value: Any) -> str:
    return f"`{value}`" if value not in ("", ()) else "(empty)"


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(table_row(cells) for cells in (head, ["---"] * len(head), *rows))


def table_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"# {title}", NOTE, *paragraphs]) + "\n"


def main() -> None:
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
