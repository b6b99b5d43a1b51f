"""A manifest as a worker sent it. The connector's own code may have written it: it is checked before it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import orjson

from jackfield.egress.grant import check_addresses
from jackfield.egress.headers import is_header_name, is_header_value
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject
from jackfield.manifest import Manifest, Metadata, OperationKind, OperationManifest
from jackfield.validation import Schema
from jackfield_hub.deployments.schema_cost import TooCostly, check_cost
from jackfield_hub.deployments.stages import CannotBuild

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_OPERATIONS = 500
MAX_HOSTS = 100
MAX_HEADERS = 50
MAX_NAME_CHARACTERS = 200


def read_manifest(data: JsonObject, metadata: Metadata) -> Manifest:
    """Return the manifest, which is of this connector, small, and free of what would fail later.

    Raises CannotBuild, which names the operation and what is wrong with it.
    """
    _check_size(data)
    try:
        manifest = Manifest.from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CannotBuild("The connector's description of itself is not a manifest.") from None
    if manifest.metadata != metadata:
        raise CannotBuild("The connector describes itself as another one than its connector.json.")
    if not 0 < len(manifest.operations) <= MAX_OPERATIONS:
        raise CannotBuild(f"A connector has 1 to {MAX_OPERATIONS} operations; this one has {len(manifest.operations)}.")
    if len(manifest.operations) != len(data["operations"]):
        raise CannotBuild("Two operations of the connector have the same name.")
    _check_addresses(manifest)
    _check_headers(manifest.headers)
    for operation in manifest.operations.values():
        _check_operation(operation, manifest)
    _check_schema("The user data", manifest.user_data_schema)
    return manifest


def _check_size(data: JsonObject) -> None:
    try:
        content = orjson.dumps(data)
    except (TypeError, orjson.JSONEncodeError):
        raise CannotBuild("The connector's description of itself is not plain JSON, or too deep.") from None
    if len(content) > MAX_BYTES:
        raise CannotBuild(
            f"The connector describes itself in more than {MAX_BYTES // 1024**2} MiB. Simplify its shapes."
        )
    if any(depth > MAX_DEPTH for _, depth in _walk(data)):
        raise CannotBuild(f"The connector's shapes are more than {MAX_DEPTH} levels deep.")


def _check_addresses(manifest: Manifest) -> None:
    """Make sure that every call will be able to say where it may go, whatever an auth's owner has typed in."""
    templates: tuple[Any, ...] = (manifest.base_url, *manifest.hosts)
    if not all(isinstance(template, str) for template in templates) or len(templates) > MAX_HOSTS:
        raise CannotBuild(f"The connector's base URL and hosts must be at most {MAX_HOSTS} texts.")
    try:
        check_addresses(manifest.base_url, manifest.hosts, manifest.sign_in)
    except OperationError as error:
        raise CannotBuild(f"The connector's base URL or one of its hosts cannot be used. {error.message}") from None


def _check_headers(headers: Any) -> None:
    """Make sure that what goes with every request is a few headers; what users fill in is looked at in every call."""
    if not isinstance(headers, dict) or len(cast("JsonObject", headers)) > MAX_HEADERS:
        raise CannotBuild(f"The connector's headers must be an object with at most {MAX_HEADERS} of them.")
    for name, value in cast("JsonObject", headers).items():
        if not is_header_name(name) or not isinstance(value, str) or not is_header_value(value):
            raise CannotBuild(f"The connector's header {name!r:.99} is none that can be sent.")


def _check_operation(operation: OperationManifest, manifest: Manifest) -> None:
    texts: tuple[Any, ...] = (operation.name, operation.title, operation.description)
    flags: tuple[Any, ...] = (operation.has_dynamic_output, operation.is_idempotent)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(flag, bool) for flag in flags):
        raise CannotBuild(f"The operation {operation.name!r:.99} is described with values of a wrong type.")
    if not 0 < len(operation.name) <= MAX_NAME_CHARACTERS or not operation.name.isprintable():
        raise CannotBuild(f"{operation.name!r:.99} is no name for an operation: use a few letters anybody can read.")
    _check_schema(f"The input of {operation.name:.99}", operation.input_schema)
    _check_schema(f"The output of {operation.name:.99}", operation.output_schema)
    for lookup in _lookups(operation.input_schema):
        source = manifest.operations.get(lookup)
        if source is None or source.kind is not OperationKind.DDL:
            raise CannotBuild(
                f"The input of {operation.name:.99} takes choices from {lookup!r:.99}, not a choices operation here."
            )


def _check_schema(where: str, schema: Any) -> None:
    if not isinstance(schema, dict):
        raise CannotBuild(f"{where} has no schema.")
    nodes = [node for node, _ in _walk(cast("JsonObject", schema))]
    try:
        check_cost(cast("JsonObject", schema), nodes)
        Schema(cast("JsonObject", schema)).compile()
    except TooCostly as reason:
        raise CannotBuild(f"{where} has a schema {reason}") from None
    except ValueError:
        raise CannotBuild(
            f"{where} has a schema that is not valid JSON Schema (draft 7), or a pattern that is too large or looks "
            "ahead or back (this hub reads patterns in one go)."
        ) from None


def _lookups(schema: JsonObject) -> Iterator[str]:
    """Yield the operations the schema's drop-downs are filled from."""
    for node, _ in _walk(schema):
        lookup = cast("JsonObject", node).get("lookup") if isinstance(node, dict) else None
        if isinstance(lookup, dict) and "operation" in lookup:
            yield str(cast("JsonObject", lookup)["operation"])


def _walk(root: Any) -> Iterator[tuple[Any, int]]:
    """Yield every value in a JSON value with its depth. Not recursive: the value may be deep to do us harm."""
    waiting: list[tuple[Any, int]] = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        if isinstance(node, dict):
            waiting.extend((child, depth + 1) for child in cast("JsonObject", node).values())
        elif isinstance(node, list):
            waiting.extend((child, depth + 1) for child in cast("list[Any]", node))
