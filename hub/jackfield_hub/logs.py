"""What the hub says about itself: one JSON object a line, on stderr. No payloads, no query values, no secrets."""

from __future__ import annotations

import atexit
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson

from jackfield_hub.log_lines import lines

_everywhere: dict[str, Any] = {}  # what every line of this process says


def configure_logs(process: str = "") -> None:
    """Write one JSON object a line to stderr from now on: ours, and the warnings of the libraries we use.

    `{"event": "request", "method": "GET", "route": "/v1/me", "status": 200, "ms": 1.2, …, "level": "info", "at": "…Z"}`
    Where a hub has several processes, each line names the one that wrote it: `"process": "api 2"`.
    """
    _everywhere.clear()
    _everywhere.update({"process": process} if process else {})
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)


def write_behind() -> None:
    """Leave the writing to a thread from now on, for processes that serve requests."""
    lines.write_behind()
    atexit.register(lines.catch_up)


def tell(event: str, **about: Any) -> None:
    """Write a line of level "info"."""
    _write(event, about, "info")


def describe(failure: BaseException) -> dict[str, Any]:
    """Return what may be said about a failure: its class and where it came from, never its message.

    A message may hold whatever was being worked on. For example
    `{"failure": "sqlite3.OperationalError", "cause": None, "trace": ["database.py:64 transaction", …]}`.
    """
    cause = failure.__cause__ or failure.__context__
    return {
        "failure": _class_of(failure),
        "cause": None if cause is None else _class_of(cause),
        "trace": [_place(frame) for frame in traceback.extract_tb(failure.__traceback__)],
    }


class Log:
    """Says what happened, and how bad it is."""

    def info(self, event: str, **about: Any) -> None:
        _write(event, about, "info")

    def warning(self, event: str, **about: Any) -> None:
        _write(event, about, "warning")

    def error(self, event: str, **about: Any) -> None:
        _write(event, about, "error")


log = Log()


class _Library(logging.Handler):
    """Says that a library complained, and where. Its words may hold anything, so they are left out."""

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        about = {} if failure is None else describe(failure)
        place = f"{record.filename}:{record.lineno} {record.funcName}"
        log.warning("library_complains", library=record.name, severity=record.levelname, place=place, **about)


def _write(event: str, about: dict[str, Any], level: str) -> None:
    told = {"event": event, **about, **_everywhere, "level": level, "at": datetime.now(UTC)}
    lines.put(orjson.dumps(told, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))


def _class_of(failure: BaseException) -> str:
    return f"{type(failure).__module__}.{type(failure).__qualname__}"


def _place(frame: traceback.FrameSummary) -> str:
    return f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
