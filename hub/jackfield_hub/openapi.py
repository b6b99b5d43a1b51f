"""/openapi.json: what FastAPI knows of the routes, told in the words of this API.

OpenAPI 3.0, because the page we ship (swagger-ui 4) reads no newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from jackfield_hub.errors import REFUSAL_SCHEMA

OPENAPI_VERSION = "3.0.3"
_DESCRIPTION = (
    "Deploy connectors, list them, call them. Every answer that is not a 2xx is JSON with a text `message`; "
    "every answer has an `X-Request-Id` you can look for in the log of the hub."
)


def describe_api(version: str, routes: Iterable[BaseRoute], more_paths: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of all routes; `more_paths` are those FastAPI does not serve."""
    description = get_openapi(
        title="Jackfield",
        version=version,
        openapi_version=OPENAPI_VERSION,
        description=_DESCRIPTION,
        routes=list(routes),
    )
    description["paths"].update(more_paths)
    for operation in _operations(description["paths"]):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]  # FastAPI's word for a bad request; ours is 400
        operation.setdefault("security", [{"token": []}])
    components = description.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Refusal"] = REFUSAL_SCHEMA
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    description["paths"] = _lifted(description["paths"], schemas)
    return _as_3_0(description)


def _lifted(value: Any, schemas: dict[str, Any]) -> Any:
    """Return the paths with the definitions of their bodies moved to `schemas`, where references may point to."""
    if isinstance(value, list):
        return [_lifted(item, schemas) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        return value.replace("#/$defs/", "#/components/schemas/", 1) if value.startswith("#/$defs/") else value
    if not isinstance(value, dict):
        return value
    parts = cast("dict[str, Any]", value)
    for name, schema in parts.get("$defs", {}).items():
        schemas.setdefault(name, _lifted(schema, schemas))
    return {name: _lifted(item, schemas) for name, item in parts.items() if name != "$defs"}


def _operations(paths: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return [operation for path in paths.values() for operation in path.values()]


def _as_3_0(value: Any) -> Any:
    """Return the description with "this or null" said the older way: `nullable`."""
    if isinstance(value, list):
        return [_as_3_0(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    schema = {name: _as_3_0(item) for name, item in cast("dict[str, Any]", value).items()}
    choices = schema.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices:
        return schema
    others = [choice for choice in cast("list[Any]", choices) if choice != {"type": "null"}]
    del schema["anyOf"]
    return schema | {"nullable": True} | (others[0] if len(others) == 1 else {"anyOf": others})
