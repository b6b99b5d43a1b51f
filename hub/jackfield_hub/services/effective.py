"""What a service and one of its environments come to together: where, how one signs in, and what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from jackfield.auth import SignIn, sign_in_from_json, sign_in_to_json
from jackfield.connector import user_data_schema
from jackfield.credentials import credential_schema
from jackfield.egress.grant import check_addresses
from jackfield.errors import OperationError
from jackfield.exchange import Json, JsonObject
from jackfield.oauth.clients import Client
from jackfield_hub.auths.sealing import open_json
from jackfield_hub.auths.vault import Vault
from jackfield_hub.errors import InvalidInput
from jackfield_hub.services.shapes import (
    CustomProperty,
    OpenedEnvironment,
    PropertyScope,
    Service,
    ServiceEnvironment,
)

SECRETS = "secrets"  # the field of an environment that is sealed


def service_of(service: Service, environment: ServiceEnvironment) -> Service:
    """Return the service as auths of this environment use it: with the environment's own hosts and sign-in."""
    has_own = environment.base_url or environment.hosts or environment.sign_in_settings
    if not has_own and environment.user_data_schema == service.user_data_schema:
        return service
    return replace(
        service,
        base_url=environment.base_url or service.base_url,
        hosts=environment.hosts or (() if environment.base_url else service.hosts),
        sign_in=_sign_in(service.sign_in, environment.sign_in_settings),
        user_data_schema=environment.user_data_schema,
    )


def schemas(service: Service, elsewhere: Sequence[str] = ()) -> tuple[JsonObject, JsonObject]:
    """Return the JSON Schemas of an auth's user data and credentials; `service` is what `service_of` returned.

    `elsewhere` are fields that the connector needs for something else than addresses.
    """
    own = [one for one in service.properties if one.scope is PropertyScope.USER]
    given = {one.key for one in service.properties if one.scope is PropertyScope.APP}
    filled = (*service.hosts, *(f"{{{name}}}" for name in elsewhere))
    asked = user_data_schema(service.base_url, filled, service.sign_in, _described(service))
    typed = service.sign_in.credentials_schema()
    return (
        _with(asked, [one for one in own if not one.masked], given),
        _with(typed, [one for one in own if one.masked], given),
    )


def _described(service: Service) -> dict[str, JsonObject]:
    """Return what the connector says about its user data. Its own code wrote it: what is no text is not taken."""
    said: dict[str, Json] = service.user_data_schema.get("properties", {})
    objects = {key: cast("JsonObject", shape) for key, shape in said.items() if isinstance(shape, dict)}
    return {key: shape for key, shape in objects.items() if shape.get("type") == "string"}


def _elsewhere(service: Service) -> list[str]:
    """Return the fields a connector asks for that are in none of the addresses: they fill headers."""
    in_addresses = user_data_schema(service.base_url, service.hosts, service.sign_in).get("properties", {})
    return [name for name in _described(service) if name not in in_addresses]


def environment_values(service: Service, environment: ServiceEnvironment) -> dict[str, Any]:
    """Return the columns of an environment that follow from it and its service. Raises InvalidInput."""
    merged = service_of(service, replace(environment, user_data_schema=service.user_data_schema))
    check_service_addresses(merged)
    user_data, credentials = schemas(merged, _elsewhere(service))
    return {
        "authentication_type": merged.sign_in.authentication_type,
        "user_data_schema": user_data,
        "credentials_schema": credentials,
    }


def open_environment(vault: Vault, environment: ServiceEnvironment) -> OpenedEnvironment:
    """Return an environment with its secrets. Raises DoesNotOpen."""
    secrets: JsonObject = {}
    if environment.secrets is not None:
        sealed = environment.secrets
        secrets = open_json(vault, sealed.key, environment.environment_id, SECRETS, sealed.content)
    client = Client(environment.client_id, secrets.get("clientSecret", "")) if environment.client_id else None
    return OpenedEnvironment(client, environment.properties, secrets.get("properties", {}))


def check_service_addresses(service: Service) -> None:
    """Make sure that every auth will have somewhere to go. Raises InvalidInput, which says what is wrong."""
    try:
        check_addresses(service.base_url, service.hosts, service.sign_in)
    except OperationError as error:
        raise InvalidInput(f"An address of the service cannot be used. {error.message}") from None


def needed_hosts(base_url: str, hosts: Sequence[str]) -> frozenset[str]:
    """Return the hosts that are spoken to, as they are declared: `{"api.acme.com", "{server}"}`."""
    first = base_url.partition("/")[0] if base_url.startswith("{") else urlsplit(base_url).netloc
    return frozenset(host.lower() for host in (first, *hosts) if host)


def _sign_in(way: SignIn, settings: JsonObject) -> SignIn:
    """Return the way with these settings; when they name another kind of way, that one."""
    if not settings:
        return way
    is_another = settings.get("kind", way.kind) != way.kind
    try:
        return sign_in_from_json(settings if is_another else {**sign_in_to_json(way), **settings})
    except ValueError as mistake:
        raise InvalidInput(f"Invalid value for: body (the sign-in: {mistake})") from None


def _with(schema: JsonObject, properties: Sequence[CustomProperty], given: set[str]) -> JsonObject:
    """Return the schema with these properties, and without those that somebody else gives."""
    known: JsonObject = schema.get("properties", {})
    asked = {name: shape for name, shape in known.items() if name not in given}
    required = [name for name in schema.get("required", []) if name not in given]
    for one in properties:
        secret = [one.key] if one.masked else []
        asked[one.key] = credential_schema(*secret, **{one.key: one.title})["properties"][one.key]
        required += [one.key] if one.required and one.key not in required else []
    if not asked:
        return {}
    return {**schema, "type": "object", "properties": asked, "required": required}
