"""A connector: decorated functions over one service, read into operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, is_dataclass, replace
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints, overload
from urllib.parse import urlsplit

from jackfield.auth import NoSignIn, SignIn, TokenRequest, user_data_templates
from jackfield.egress.grant import check_addresses
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject
from jackfield.http import AsyncHttp, Http
from jackfield.manifest import Manifest, Metadata, OperationKind, OperationManifest
from jackfield.shapes import DRAFT_7, OPERATION_NAME, Choice, ShapeMistake, input_schema, output_schema, sentence
from jackfield.storage import AsyncStorage, Storage

Handler = TypeVar("Handler", bound=Callable[..., Any])

CONNECTOR = "__jackfield_connector__"  # the attribute by which a test finds the connector of a decorated handler
OPERATION_NAMES = re.compile(r"#?[A-Za-z][A-Za-z0-9_]{0,99}")
_TO_AWAIT: Mapping[Any, type] = MappingProxyType({Http: AsyncHttp, Storage: AsyncStorage})
TEMPLATE_FIELDS = re.compile(r"\{(#?[A-Za-z_][A-Za-z0-9_]*)\}")

NOTHING_DESCRIBED: Mapping[str, JsonObject] = MappingProxyType({})
CHOICES_SCHEMA: JsonObject = {
    "$schema": DRAFT_7,
    "type": "object",
    "properties": {
        "result": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "value": {"type": ["string", "number"]}},
                "required": ["text", "value"],
            },
        }
    },
    "required": ["result"],
}


class ConnectorMistake(ValueError):
    """The connector's code promises something it cannot keep; the message names the function and what to change."""


class UserData(dict[str, str]):
    """What an auth's owner typed in besides secrets: a subdomain, a server, a region. Ask for it by annotation."""


class Role(StrEnum):
    """What a handler's parameter receives."""

    INPUT = "input"
    HTTP = "http"
    USER_DATA = "user_data"
    STORAGE = "storage"


@dataclass(frozen=True)
class Operation:
    """One decorated handler. `roles` says what each of its parameters receives, in order."""

    name: str
    title: str
    description: str
    kind: OperationKind
    handler: Callable[..., Any]
    roles: tuple[Role, ...]
    input_shape: type | None
    output_shape: Any
    is_idempotent: bool = False
    output_schema_handler: Callable[..., Any] | None = None
    output_schema_roles: tuple[Role, ...] = ()

    @property
    def is_async(self) -> bool:
        """Whether the handler is `async def`."""
        return inspect.iscoroutinefunction(self.handler)

    def manifest(self) -> OperationManifest:
        """Return the operation as data. Raises ShapeMistake when a type hint has no schema."""
        try:
            return self._manifest()
        except ShapeMistake as mistake:
            raise ShapeMistake(f"{self.name}: {mistake}") from None

    def _manifest(self) -> OperationManifest:
        shown = CHOICES_SCHEMA if self.kind is OperationKind.DDL else output_schema(self.output_shape)
        return OperationManifest(
            name=self.name,
            title=self.title,
            description=self.description,
            kind=self.kind,
            input_schema=_own_copy(input_schema(self.input_shape)),
            output_schema=_own_copy(shown),
            has_dynamic_output=self.output_schema_handler is not None,
            is_idempotent=self.is_idempotent,
        )


class Connector:
    """Operations over one service.

    `base_url` is where relative paths start. It may hold `{field}` templates that an auth's user data fills:
    `https://{subdomain}.example.com`, or `{server}` for a service that everybody runs themselves.
    `hosts` are further hosts its operations may reach (`"files.example.com"`, `"*.example.net"`).
    `headers` go with every request: `{"Acme-Version": "2026-01"}`; they may hold `{field}`s as well, but no secret.
    `user_data` is a dataclass with those fields, for what a form should say about each.

        acme = Connector("https://api.acme.example", sign_in=Bearer())

        @acme.operation
        def get_product(ref: ProductRef, http: Http) -> Product:
            \"\"\"Read one product.\"\"\"
            return http.get(f"/products/{ref.product_id}").json()
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        sign_in: SignIn | None = None,
        hosts: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        user_data: type | None = None,
    ) -> None:
        self.base_url = base_url
        self.user_data = user_data
        self.sign_in: SignIn = sign_in or NoSignIn()
        self.hosts = tuple(hosts)
        self.headers = dict(headers or {})
        self.operations: dict[str, Operation] = {}

    @overload
    def operation(self, handler: Handler, /) -> Handler: ...
    @overload
    def operation(
        self, /, *, name: str = ..., title: str = ..., description: str = ..., is_idempotent: bool = ...
    ) -> Callable[[Handler], Handler]: ...
    def operation(self, handler: Any = None, /, **said: Any) -> Any:
        """Offer a function to everybody who may see the connector.

        Its name, docstring and type hints become the operation's name, description and schemas; keywords say
        otherwise. `is_idempotent=True` promises that running it twice does no harm.
        """
        return self._decorate(handler, OperationKind.PUBLIC, said)

    @overload
    def choices(self, handler: Handler, /) -> Handler: ...
    @overload
    def choices(
        self, /, *, name: str = ..., title: str = ..., description: str = ...
    ) -> Callable[[Handler], Handler]: ...
    def choices(self, handler: Any = None, /, **said: Any) -> Any:
        """Let a function that returns `list[Choice]` fill drop-downs; name it in `choices_from(...)`."""
        return self._decorate(handler, OperationKind.DDL, {"is_idempotent": True, **said})

    @overload
    def private(self, handler: Handler, /) -> Handler: ...
    @overload
    def private(
        self, /, *, name: str = ..., title: str = ..., description: str = ...
    ) -> Callable[[Handler], Handler]: ...
    def private(self, handler: Any = None, /, **said: Any) -> Any:
        """Keep a function for the platform's own use, for example `@acme.private(name="#token_request")`."""
        return self._decorate(handler, OperationKind.PRIVATE, said)

    def output_schema_of(self, operation_handler: Callable[..., Any]) -> Callable[[Handler], Handler]:
        """Say at run time which output `operation_handler` will give: the function returns a JSON Schema.

        It takes the same input as the operation.
        """
        operation = self.operations[operation_name(operation_handler)]

        def register(handler: Handler) -> Handler:
            roles, shape = _read_parameters(handler)
            if shape not in (None, operation.input_shape):
                raise ConnectorMistake(f"{_name(handler)} must take the same input as {operation.name}")
            self.operations[operation.name] = replace(
                operation, output_schema_handler=handler, output_schema_roles=roles
            )
            return handler

        return register

    def manifest(self, metadata: Metadata) -> Manifest:
        """Return the connector as data. Raises ConnectorMistake or ShapeMistake; both name the function."""
        operations = {name: operation.manifest() for name, operation in self.operations.items()}
        for operation in operations.values():
            _check_lookups(operation, operations, is_open=isinstance(self.sign_in, NoSignIn))
        _check_token_operation(self.sign_in, self.operations)
        self._check_addresses()
        return Manifest(
            metadata,
            self.base_url,
            self._all_hosts(),
            self.sign_in,
            self._user_data_schema(),
            operations,
            self.headers,
        )

    def _check_addresses(self) -> None:
        try:
            check_addresses(self.base_url, self.hosts, self.sign_in)
        except OperationError as refusal:
            raise ConnectorMistake(
                f"The connector's base URL or one of its hosts cannot be used. {refusal.message}"
            ) from None

    def _decorate(self, handler: Any, kind: OperationKind, said: dict[str, Any]) -> Any:
        if handler is None:
            return partial(self._decorate, kind=kind, said=said)
        operation = _read_operation(handler, kind, **said)
        if operation.name in self.operations:
            raise ConnectorMistake(f"two functions are called {operation.name}; give one another name")
        setattr(handler, OPERATION_NAME, operation.name)
        setattr(handler, CONNECTOR, self)
        self.operations[operation.name] = operation
        return handler

    def _all_hosts(self) -> tuple[str, ...]:
        own = self.base_url if self.base_url.startswith("{") else urlsplit(self.base_url).netloc
        first = own.partition("/")[0]
        return tuple(dict.fromkeys(host for host in (first, *self.hosts) if host))

    def _user_data_schema(self) -> JsonObject:
        described = input_schema(self.user_data)["properties"]
        filled = (*self.hosts, *self.headers.values())
        schema = user_data_schema(self.base_url, filled, self.sign_in, described)
        asked: JsonObject = schema.get("properties", {})
        for field, shown in described.items():
            if field not in asked:
                raise ConnectorMistake(
                    f"the user data {field!r} is in no address or header: write it there as {{{field}}}"
                )
            if shown.get("type") != "string":
                raise ConnectorMistake(f"the user data {field!r} must be a text, because it becomes part of one")
        return schema


def user_data_schema(
    base_url: str, hosts: Sequence[str], sign_in: SignIn, described: Mapping[str, JsonObject] = NOTHING_DESCRIBED
) -> JsonObject:
    """Return the JSON Schema of the user data that addresses with `{field}`s in them ask for; {} when there is none.

    `described` holds the schemas of fields about which somebody has said more than their name.
    """
    templates = (base_url, *hosts, *user_data_templates(sign_in))
    fields = dict.fromkeys(TEMPLATE_FIELDS.findall(" ".join(templates)))
    if not fields:
        return {}
    properties = {
        field: {"type": "string", "title": sentence(field.lstrip("#")), "minLength": 1, **described.get(field, {})}
        for field in fields
    }
    return {"type": "object", "properties": properties, "required": list(fields), "additionalProperties": False}


def operation_name(handler: Callable[..., Any]) -> str:
    """Return the name of the operation a decorated function is. Raises ConnectorMistake for any other function."""
    name: str | None = getattr(handler, OPERATION_NAME, None)
    if name is None:
        raise ConnectorMistake(f"{_name(handler)} is not an operation: decorate it first")
    return name


def connector_of(handler: Callable[..., Any]) -> Connector:
    """Return the connector that offers a decorated function. Raises ConnectorMistake for any other function."""
    connector: Connector | None = getattr(handler, CONNECTOR, None)
    if connector is None:
        raise ConnectorMistake(f"{_name(handler)} is not an operation: decorate it first")
    return connector


def _read_operation(
    handler: Callable[..., Any],
    kind: OperationKind,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    is_idempotent: bool = False,
) -> Operation:
    named = name or handler.__name__
    if not OPERATION_NAMES.fullmatch(named):
        raise ConnectorMistake(f"an operation cannot be called {named!r}: use letters, digits and underscores")
    roles, shape = _read_parameters(handler)
    gives = _hints(handler).get("return", Any)
    if kind is OperationKind.DDL and not (get_origin(gives) is list and get_args(gives) == (Choice,)):
        raise ConnectorMistake(f"{_name(handler)} must return list[Choice], because it fills drop-downs")
    is_private = kind is OperationKind.PRIVATE or named.startswith("#")
    return Operation(
        name=named,
        title=title or sentence(named.lstrip("#")),
        description=description if description is not None else inspect.cleandoc(handler.__doc__ or ""),
        kind=OperationKind.PRIVATE if is_private else kind,
        handler=handler,
        roles=roles,
        input_shape=shape,
        output_shape=gives,
        is_idempotent=is_idempotent,
    )


def _read_parameters(handler: Callable[..., Any]) -> tuple[tuple[Role, ...], type | None]:
    """Return what each parameter receives, and the input's dataclass."""
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise ConnectorMistake(f"{_name(handler)} must return its output instead of yielding it")
    hints = _hints(handler)
    roles: list[Role] = []
    shapes: list[type] = []
    for parameter in inspect.signature(handler).parameters:
        hint = hints.get(parameter)
        if hint in _TO_AWAIT or hint in _TO_AWAIT.values():
            _check_awaiting(handler, hint)
            roles.append(Role.HTTP if hint in (Http, AsyncHttp) else Role.STORAGE)
        elif hint is UserData:
            roles.append(Role.USER_DATA)
        elif isinstance(hint, type) and is_dataclass(hint):
            roles.append(Role.INPUT)
            shapes.append(hint)
        else:
            raise ConnectorMistake(
                f"{_name(handler)}: the parameter {parameter!r} must be annotated with a @dataclass, Http, UserData "
                "or Storage"
            )
    if len(roles) != len(set(roles)):
        raise ConnectorMistake(
            f"{_name(handler)} asks for the same thing twice: one input, one Http, one UserData, one Storage"
        )
    return tuple(roles), shapes[0] if shapes else None


def _check_awaiting(handler: Callable[..., Any], hint: Any) -> None:
    """Check that who awaits gets what can be awaited, and nobody else."""
    is_async = inspect.iscoroutinefunction(handler)
    if is_async and hint in _TO_AWAIT:
        raise ConnectorMistake(
            f"{_name(handler)} is `async def`: annotate {hint.__name__} as {_TO_AWAIT[hint].__name__}, "
            "and await its answers"
        )
    if not is_async and hint not in _TO_AWAIT:
        plain = hint.__name__.removeprefix("Async")
        raise ConnectorMistake(
            f"{_name(handler)} asks for an {hint.__name__}: make it `async def`, or annotate it as {plain}"
        )


def _hints(handler: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(handler, include_extras=True)
    except NameError as mistake:
        raise ConnectorMistake(f"{_name(handler)}: the type {mistake.name!r} is not known where it is used") from None


def _check_lookups(operation: OperationManifest, others: dict[str, OperationManifest], *, is_open: bool) -> None:
    """Check that every drop-down can be filled; a connector without sign-in says that none needs an auth."""
    fields: JsonObject = operation.input_schema["properties"]
    for lookup in _lookups(operation.input_schema):
        source = others.get(lookup["operation"])
        if source is None or source.kind is not OperationKind.DDL:
            raise ConnectorMistake(f"{operation.name}: {lookup['operation']} must be a function decorated with choices")
        _check_lookup_inputs(operation.name, lookup["input"], source.input_schema, fields)
        lookup["authRequired"] = not is_open


def _check_token_operation(sign_in: SignIn, operations: dict[str, Operation]) -> None:
    if not isinstance(sign_in, TokenRequest):
        return
    name = sign_in.operation
    if name not in operations or operations[name].kind is not OperationKind.PRIVATE:
        raise ConnectorMistake(
            f'the sign-in gets its token from {name}: decorate a function with private(name="{name}")'
        )
    if Role.STORAGE in operations[name].roles:
        raise ConnectorMistake(f"{name} gets a token in nobody's call, so it has no storage: leave out that parameter")


def _check_lookup_inputs(name: str, given: dict[str, str], wanted: JsonObject, fields: JsonObject) -> None:
    for key, template in given.items():
        if key not in wanted["properties"]:
            raise ConnectorMistake(f"{name}: the drop-down's operation has no input {key!r}")
        if template.strip("{}") not in fields:
            raise ConnectorMistake(
                f"{name}: a drop-down depends on {template.strip('{}')!r}, which is no field of its form"
            )
    missing = sorted(set(wanted["required"]) - set(given))
    if missing:
        raise ConnectorMistake(
            f'{name}: say where the drop-down\'s input {missing[0]!r} comes from: {missing[0]}="a field"'
        )


def _lookups(schema: Any) -> Iterator[JsonObject]:
    if isinstance(schema, list):
        for part in cast("list[Any]", schema):
            yield from _lookups(part)
    elif isinstance(schema, dict):
        parts = cast("JsonObject", schema)
        lookup = parts.get("lookup")
        if isinstance(lookup, dict) and "operation" in lookup:
            yield cast("JsonObject", lookup)
        for part in parts.values():
            yield from _lookups(part)


def _own_copy(schema: JsonObject) -> JsonObject:
    """Return a schema that may be changed, without the docstring of the class it was made from."""
    return {name: value for name, value in deepcopy(schema).items() if name != "description"}


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__name__", repr(handler))
