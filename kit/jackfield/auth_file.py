"""Credentials on a developer's own machine: auth.ctx.json in the connector's folder, which is never packed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson

from jackfield.connector import Connector
from jackfield.egress.grant import Grant
from jackfield.egress.local import OWN_NETWORKS
from jackfield.exchange import Json
from jackfield.project import AUTH_FILE, ProjectMistake
from jackfield.validation import Schema


@dataclass(frozen=True)
class LocalAuth:
    """Whom a connector signs in as: `{"userData": {"server": "https://…"}, "credentials": {"apiKey": "…"}}`."""

    user_data: Mapping[str, str] = field(default_factory=dict[str, str])
    credentials: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @classmethod
    def read(cls, file: Path) -> LocalAuth:
        """Return what the file says, nothing when there is none. Raises ProjectMistake when it is malformed."""
        if not file.is_file():
            return cls()
        try:
            data: Json = orjson.loads(file.read_bytes())
        except ValueError:
            raise ProjectMistake(f"{file.name} is not JSON") from None
        return cls(_part(data, "userData", file.name), _part(data, "credentials", file.name))

    def grant(self, connector: Connector) -> Grant:
        """Return what the connector may reach from this machine. Raises ProjectMistake when credentials are missing."""
        problems = Schema(connector.sign_in.credentials_schema()).problems(dict(self.credentials))
        if problems:
            wanted = dict.fromkeys(connector.sign_in.credentials_schema().get("required", []), "…")
            raise ProjectMistake(
                f"The service wants to know who you are ({'; '.join(problems)}). "
                f"Write {AUTH_FILE}: {orjson.dumps({'credentials': wanted}).decode()}"
            )
        return Grant.to_service(
            connector.base_url,
            hosts=connector.hosts,
            user_data=self.user_data,
            sign_in=connector.sign_in,
            credentials=self.credentials,
            addresses=OWN_NETWORKS,
        )

    def secrets(self, connector: Connector) -> set[str]:
        """Return every text that must not be written down: all of the credentials, and what is made from them."""
        made = connector.sign_in.secrets(self.credentials) if self.credentials else []
        return {*made, *_texts(dict(self.credentials))}


def _part(data: Json, name: str, file_name: str) -> dict[str, Any]:
    part = cast("dict[str, Any]", data).get(name, {}) if isinstance(data, dict) else None
    if not isinstance(part, dict):
        raise ProjectMistake(f'{file_name} must hold an object, and "{name}" in it another one')
    return cast("dict[str, Any]", part)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)
