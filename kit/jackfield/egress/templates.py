"""Base URLs, hosts and headers with `{field}` in them, filled from the user data of an auth.

A value never becomes part of a text that is parsed afterwards: it is checked for the one place it goes to.

    {server}/api                    the field is an origin: https://crm.example.com
    https://{shop}.example.com      the field is one label of a host name
    https://example.com/{tenant}    the field is one segment of a path
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from jackfield.egress.policy import LABEL, has_dot_segments, parse_url
from jackfield.errors import ConnectorError, InvalidInput, NotAllowed

_FIELD = re.compile(r"\{(#?[A-Za-z_][A-Za-z0-9_]*)\}")
_LEADING_FIELD = re.compile(r"\{(#?[A-Za-z_][A-Za-z0-9_]*)\}(/.*)?", re.DOTALL)


def sample_user_data(templates: Iterable[str]) -> dict[str, str]:
    """Return values that fit every field of the templates, to see whether the templates make sense at all."""
    texts = tuple(templates)
    sample = {name: "sample" for text in texts for name in _FIELD.findall(text)}
    leading = (_LEADING_FIELD.fullmatch(text) for text in texts)
    return sample | {found[1]: "https://sample.example" for found in leading if found}


def resolve_template(template: str, user_data: Mapping[str, str]) -> str:
    """Return the base URL or host with its fields filled in, for example `https://acme.example.com/v1`.

    Raises InvalidInput when a field is missing or does not fit its place, ConnectorError when the template is wrong.
    """
    if "{" not in template and "}" not in template:
        return template
    return _resolve(template, tuple([(name, _value(name, user_data)) for name in fields_of(template)]))


def filled_headers(headers: Mapping[str, str], user_data: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with the fields in their values filled in. Raises InvalidInput when a field is missing."""
    return {name: _fill(template, user_data, lambda field, value: value) for name, template in headers.items()}


@lru_cache(maxsize=10_000)
def fields_of(template: str) -> tuple[str, ...]:
    """Return the names of the fields in a template."""
    return tuple(_FIELD.findall(template))


@lru_cache(maxsize=10_000)  # every call of an auth asks for the same few
def _resolve(template: str, values: tuple[tuple[str, str], ...]) -> str:
    user_data = dict(values)
    leading = _LEADING_FIELD.fullmatch(template)
    if leading:
        return _origin(leading[1], user_data) + _fill(leading[2] or "", user_data, _segment)
    scheme, separator, rest = template.rpartition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + _fill(authority, user_data, _label) + slash + _fill(path, user_data, _segment)


def _fill(text: str, user_data: Mapping[str, str], fit: Callable[[str, str], str]) -> str:
    filled = _FIELD.sub(lambda field: fit(field[1], _value(field[1], user_data)), text)
    if re.search(r"[{}]", _FIELD.sub("", text)):
        raise ConnectorError("A base URL or host holds a brace that does not belong to a {field}.")
    return filled


def _value(field: str, user_data: Mapping[str, str]) -> str:
    value = user_data.get(field)
    if not isinstance(value, str) or not value:  # pyright: ignore[reportUnnecessaryIsInstance] (user data is JSON)
        raise InvalidInput(f'The auth does not say "{field}". Fill it in: requests to the service need it.')
    return value


def _origin(field: str, user_data: Mapping[str, str]) -> str:
    value = _value(field, user_data)
    try:
        target = parse_url(value)
    except NotAllowed as refusal:
        raise InvalidInput(f'"{field}" must be an address such as https://crm.example.com. {refusal.message}') from None
    if "?" in target.path_and_query or has_dot_segments(target.path_and_query):
        raise InvalidInput(f'"{field}" must be an address such as https://crm.example.com, without "?" or "..".')
    return target.origin + target.path_and_query.rstrip("/")


def _label(field: str, value: str) -> str:
    if not LABEL.fullmatch(value.lower()):
        raise InvalidInput(
            f'"{field}" must be letters, digits and hyphens only, such as my-company: no dots, no slashes.'
        )
    return value.lower()


def _segment(field: str, value: str) -> str:
    if value in (".", ".."):
        raise InvalidInput(f'"{field}" may not be {value!r}: it is one part of a path.')
    return quote(value, safe="")
