"""Options that several commands share."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click
import orjson

from jackfield.exchange import Json, JsonObject


class JsonText(click.ParamType[JsonObject]):
    """A JSON object: written out, in a file (`@file`), or on stdin (`-`)."""

    name = "json"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "JSON|@FILE|-"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JsonObject:
        if isinstance(value, dict):
            return cast("JsonObject", value)
        try:
            read = parse_json(_text_of(value))
        except OSError as mistake:
            self.fail(f"cannot read {value[1:]}: {mistake.strerror}", param, ctx)
        except ValueError as mistake:
            self.fail(f"that is not JSON: {mistake}", param, ctx)
        if not isinstance(read, dict):
            self.fail('it must be a JSON object like {"id": 1}', param, ctx)
        return cast("JsonObject", read)


class FileOfInput(click.ParamType[tuple[str, Path]]):
    """`report=./report.pdf`: the name of a field, and the file that goes there."""

    name = "file"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "FIELD=PATH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return cast("tuple[str, Path]", value)
        field, equals, path = str(value).partition("=")
        if not field or not equals:
            self.fail("say which field it is for: --file report=./report.pdf", param, ctx)
        if not Path(path).is_file():
            self.fail(f"there is no file {path}", param, ctx)
        return field, Path(path)


class Day(click.ParamType[str]):
    """A day as the hub reads it."""

    name = "day"
    pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    examples = "2026-11-22"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        # Python alone would take 20261122 too, and the hub does not.
        if re.fullmatch(self.pattern, text) is None or not _is_in_the_calendar(text):
            self.fail(f"{text!r} is not a {self.name}; write it like {self.examples}", param, ctx)
        return text


class Moment(Day):
    """A day, or a time of it with or without its zone."""

    name = "time"
    pattern = rf"{Day.pattern}([T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,6}})?)?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?"
    examples = "2026-11-22, or 2026-11-22T10:00:00Z"


class Id(click.ParamType[str]):
    """The id of a user, an authentication or anything else a hub made."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(UUID(str(value)))
        except ValueError:
            self.fail(f"{str(value)!r} is not an id; they look like 01a20314-2bb1-7af1-a0cb-451468254147", param, ctx)


def _is_in_the_calendar(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _text_of(value: str) -> bytes:
    if value == "-":
        return sys.stdin.buffer.read()
    return Path(value[1:]).read_bytes() if value.startswith("@") else value.encode()


def parse_json(text: bytes) -> Json:
    """Return the value. Raises ValueError saying where it stops being JSON, never showing the text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as mistake:
        raise ValueError(f"{mistake.msg} at line {mistake.lineno}, column {mistake.colno}") from None


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the data as JSON on stdout.")
input_option = click.option(
    "--input", "values", type=JsonText(), default="{}", help="The operation's input, a JSON object. Default: {}."
)
files_option = click.option(
    "--file",
    "files",
    type=FileOfInput(),
    multiple=True,
    help="A file of this machine for a field of the input. May be given several times.",
)
profile_option = click.option(
    "--profile", metavar="NAME", help="Use the hub of this login instead of the current one. See jackfield profiles."
)
