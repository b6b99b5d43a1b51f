"""A connector version as data: what the catalogue, forms and clients read. Made from code, never written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeGuard, cast

import orjson

from jackfield.auth import SignIn, sign_in_from_json, sign_in_to_json
from jackfield.exchange import JsonObject

CONNECTOR_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
CONNECTOR_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")
MAX_NAME_CHARACTERS = 100


class MetadataMistake(ValueError):
    """connector.json does not say what it must; the message says which field and how to mend it."""


class OperationKind(StrEnum):
    """Who may see and call an operation."""

    PUBLIC = "public"  #: listed, callable
    DDL = "ddl"  #: answers the choices of a drop-down; callable, not listed
    PRIVATE = "private"  #: called by the platform only, for example `#token_request`


class Isolation(StrEnum):
    """Which calls of a connector may share a process. Those of two organizations never do."""

    ORGANIZATION = "organization"  #: all calls of one organization
    CALL = "call"  #: none: every call has a process of its own, and finds modules as they were imported


@dataclass(frozen=True)
class ServiceRef:
    """The service a connector talks to: its name and integer version."""

    name: str
    version: int


@dataclass(frozen=True)
class Metadata:
    """What connector.json says."""

    name: str
    version: str
    title: str
    description: str
    service: ServiceRef
    tags: tuple[str, ...] = ()
    is_trigger: bool = False
    has_raw_http: bool = False
    isolation: Isolation = Isolation.ORGANIZATION

    @classmethod
    def from_bytes(cls, content: bytes) -> Metadata:
        """Read connector.json. Raises MetadataMistake, which names the field."""
        try:
            data: Any = orjson.loads(content)
        except orjson.JSONDecodeError as mistake:
            raise MetadataMistake(f"connector.json is not JSON: {mistake}") from None
        if not isinstance(data, dict):
            raise MetadataMistake("connector.json must hold an object")
        return cls.from_json(cast("JsonObject", data))

    @classmethod
    def from_json(cls, data: JsonObject) -> Metadata:
        """Read the object of connector.json. Raises MetadataMistake, which names the field."""
        name, version = _text(data, "name"), _text(data, "version")
        if not CONNECTOR_NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
            raise MetadataMistake(
                f'connector.json: "name" must be lower-case words joined by hyphens, not {name!r:.99}'
            )
        if not CONNECTOR_VERSION.fullmatch(version):
            raise MetadataMistake(f'connector.json: "version" must be two numbers like "1.0", not {version!r:.40}')
        return cls(
            name=name,
            version=version,
            title=_text(data, "title", name),
            description=_text(data, "description", ""),
            service=_service(data),
            tags=_tags(data),
            is_trigger=_flag(data, "isTrigger"),
            has_raw_http=_flag(_object(data, "rawHttp"), "enabled"),
            isolation=_isolation(data),
        )

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "description": self.description,
            "service": {"name": self.service.name, "version": str(self.service.version)},
            "tags": list(self.tags),
            "isTrigger": self.is_trigger,
            "rawHttp": {"enabled": self.has_raw_http},
            "isolation": self.isolation.value,
        }


@dataclass(frozen=True)
class OperationManifest:
    """One operation as clients see it."""

    name: str
    title: str
    description: str
    kind: OperationKind
    input_schema: JsonObject
    output_schema: JsonObject
    has_dynamic_output: bool = False
    is_idempotent: bool = False

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "kind": self.kind.value,
            "inputSchema": self.input_schema,
            "outputSchema": self.output_schema,
            "hasDynamicOutput": self.has_dynamic_output,
            "isIdempotent": self.is_idempotent,
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> OperationManifest:
        return cls(
            name=data["name"],
            title=data["title"],
            description=data["description"],
            kind=OperationKind(data["kind"]),
            input_schema=data["inputSchema"],
            output_schema=data["outputSchema"],
            has_dynamic_output=data["hasDynamicOutput"],
            is_idempotent=data["isIdempotent"],
        )


@dataclass(frozen=True)
class Manifest:
    """A connector version: its metadata, where its service is, how one signs in, and its operations by name.

    `base_url` and `hosts` may hold `{field}` templates, filled from an auth's user data
    (`https://{subdomain}.example.com`, or `{server}` for a service everybody runs themselves).
    """

    metadata: Metadata
    base_url: str
    hosts: tuple[str, ...]
    sign_in: SignIn
    user_data_schema: JsonObject
    operations: dict[str, OperationManifest] = field(default_factory=dict[str, OperationManifest])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  #: of every request; may hold templates, too

    def to_json(self) -> JsonObject:
        return {
            "connector": self.metadata.to_json(),
            "baseUrl": self.base_url,
            "hosts": list(self.hosts),
            "headers": dict(self.headers),
            "signIn": sign_in_to_json(self.sign_in),
            "userDataSchema": self.user_data_schema,
            "operations": [operation.to_json() for operation in self.operations.values()],
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Manifest:
        """Read what `to_json` wrote. Raises ValueError, KeyError or TypeError when it is not that."""
        operations = [OperationManifest.from_json(operation) for operation in data["operations"]]
        return cls(
            metadata=Metadata.from_json(data["connector"]),
            base_url=data["baseUrl"],
            hosts=tuple(data["hosts"]),
            sign_in=sign_in_from_json(data["signIn"]),
            user_data_schema=data["userDataSchema"],
            operations={operation.name: operation for operation in operations},
            headers=data.get("headers", {}),
        )


def _text(data: JsonObject, name: str, default: str | None = None) -> str:
    value = data.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise MetadataMistake(f'connector.json: "{name}" must be a text')
    return value


def _flag(data: JsonObject, name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise MetadataMistake(f'connector.json: "{name}" must be true or false')
    return value


def _object(data: JsonObject, name: str) -> JsonObject:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise MetadataMistake(f'connector.json: "{name}" must be an object')
    return cast("JsonObject", value)


def _service(data: JsonObject) -> ServiceRef:
    service = _object(data, "service")
    version = service.get("version", "1")
    if not str(version).isdecimal() or isinstance(version, bool):
        raise MetadataMistake('connector.json: "service.version" must be a whole number like "1"')
    return ServiceRef(_text(service, "name"), int(version))


def _isolation(data: JsonObject) -> Isolation:
    try:
        return Isolation(data.get("isolation", Isolation.ORGANIZATION))
    except ValueError:
        known = " or ".join(f'"{isolation}"' for isolation in Isolation)
        raise MetadataMistake(f'connector.json: "isolation" must be {known}') from None


def _tags(data: JsonObject) -> tuple[str, ...]:
    tags = data.get("tags", [])
    if not _is_list_of_texts(tags):
        raise MetadataMistake('connector.json: "tags" must be a list of texts')
    return tuple(tags)


def _is_list_of_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
