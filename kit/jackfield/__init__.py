"""The kit: write connectors to third-party APIs. What most connectors import is here; tests import `jackfield.testing`.

OAuth is in `jackfield.oauth`, and what is rarely caught or said in `jackfield.errors` and `jackfield.auth`.

Names are loaded when they are first used, so that the command starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jackfield.auth import ApiKey, Basic, Bearer
    from jackfield.aws import AwsSignature
    from jackfield.bodies import Upload
    from jackfield.connector import Connector, UserData
    from jackfield.errors import (
        Conflict,
        Forbidden,
        InvalidInput,
        NoAnswer,
        NotFound,
        NotSignedIn,
        RateLimited,
        ServiceBroken,
        ServiceError,
        TimedOut,
    )
    from jackfield.http import AsyncHttp, Http, HttpAnswer
    from jackfield.shapes import Choice, Field, File, Secret, choices_from
    from jackfield.storage import AsyncStorage, Storage

__version__ = "0.1.0"

_HOMES = {
    "jackfield.auth": ("ApiKey", "Basic", "Bearer"),
    "jackfield.aws": ("AwsSignature",),
    "jackfield.bodies": ("Upload",),
    "jackfield.connector": ("Connector", "UserData"),
    "jackfield.errors": (
        "Conflict",
        "Forbidden",
        "InvalidInput",
        "NoAnswer",
        "NotFound",
        "NotSignedIn",
        "RateLimited",
        "ServiceBroken",
        "ServiceError",
        "TimedOut",
    ),
    "jackfield.http": ("AsyncHttp", "Http", "HttpAnswer"),
    "jackfield.shapes": ("Choice", "Field", "File", "Secret", "choices_from"),
    "jackfield.storage": ("AsyncStorage", "Storage"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ApiKey",
    "AsyncHttp",
    "AsyncStorage",
    "AwsSignature",
    "Basic",
    "Bearer",
    "Choice",
    "Conflict",
    "Connector",
    "Field",
    "File",
    "Forbidden",
    "Http",
    "HttpAnswer",
    "InvalidInput",
    "NoAnswer",
    "NotFound",
    "NotSignedIn",
    "RateLimited",
    "Secret",
    "ServiceBroken",
    "ServiceError",
    "Storage",
    "TimedOut",
    "Upload",
    "UserData",
    "choices_from",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'jackfield' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
