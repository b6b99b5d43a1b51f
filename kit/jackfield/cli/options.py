"""Options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

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
