"""What the hub says about itself: one JSON object a line, on stderr. No payloads, no query values, no secrets."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import orjson
import structlog

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def configure_logs() -> None:
    """Write one JSON object a line to stderr from now on, for example
    `{"event": "request", "method": "GET", "route": "/v1/me", "status": 200, …, "level": "info", "at": "…Z"}`.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def describe(failure: BaseException) -> dict[str, Any]:
    """Return what may be said about an exception: its class and where it came from, never its message.

    A message may hold whatever was being worked on. For example
    `{"exception": "sqlite3.OperationalError", "stack": ["database.py:64 transaction", …]}`.
    """
    frames = traceback.extract_tb(failure.__traceback__)
    kind = type(failure)
    cause = failure.__cause__ or failure.__context__
    about: dict[str, Any] = {
        "exception": f"{kind.__module__}.{kind.__qualname__}",
        "stack": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if cause is not None:
        about["cause"] = f"{type(cause).__module__}.{type(cause).__qualname__}"
    return about


def _to_json(event: dict[str, Any], **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
