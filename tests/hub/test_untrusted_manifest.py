"""What a connector says about itself is believed only when it will hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jackfield.auth import ApiKey
from jackfield.manifest import Manifest, Metadata, OperationKind, OperationManifest
from jackfield_hub.deployments.stages import CannotBuild
from jackfield_hub.deployments.untrusted_manifest import read_manifest
from tests.hub.zip_forge import CONNECTOR_JSON

METADATA = Metadata.from_json(CONNECTOR_JSON)
OBJECT: dict[str, Any] = {"type": "object", "properties": {}, "required": []}


def manifest() -> dict[str, Any]:
    """Return a good one: an operation with a drop-down, and the operation that fills it."""
    lookup = {"operation": "list_shops", "input": {}}
    form = {**OBJECT, "properties": {"shop": {"type": "string", "lookup": lookup}}}
    operations = {
        "sell": OperationManifest("sell", "Sell", "Sell a thing.", OperationKind.PUBLIC, form, OBJECT),
        "list_shops": OperationManifest("list_shops", "Shops", "The shops.", OperationKind.DDL, OBJECT, OBJECT),
    }
    sign_in = ApiKey("X-Key")
    return Manifest(METADATA, "{server}/v1", ("{server}", "*.{shop}.example"), sign_in, OBJECT, operations).to_json()


def deep(levels: int) -> Any:
    value: Any = "the bottom"
    for _ in range(levels):
        value = {"properties": {"a": value}}
    return value


def pairs_of_pairs(pairs: int) -> Any:
    """A small schema that is two to the power of `pairs` steps of work for every value."""
    names = {f"p{n}": {"allOf": [{"$ref": f"#/definitions/p{n + 1}"}] * 2} for n in range(pairs)}
    return {"definitions": {**names, f"p{pairs}": {}}, "$ref": "#/definitions/p0"}


def sell(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """Change the first operation."""
    return lambda data: data["operations"][0].update(changes)


BAD: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("no operations at all", lambda data: data.update(operations=[])),
    ("operations that are a text", lambda data: data.update(operations="sell")),
    ("an operation that is a text", lambda data: data.update(operations=["sell"])),
    ("too many operations", lambda data: data.update(operations=data["operations"] * 300)),
    ("one name twice", lambda data: data["operations"].append(data["operations"][0])),
    ("no connector", lambda data: data.pop("connector")),
    ("another connector", lambda data: data["connector"].update(name="other")),
    ("another version", lambda data: data["connector"].update(version="2.0")),
    ("another service", lambda data: data["connector"].update(service={"name": "bank", "version": "1"})),
    ("no way to sign in", lambda data: data.update(signIn=None)),
    ("an unknown way to sign in", lambda data: data.update(signIn={"kind": "magic"})),
    ("a base URL that is a number", lambda data: data.update(baseUrl=5)),
    ("a base URL of another scheme", lambda data: data.update(baseUrl="file:///etc/passwd")),
    ("a base URL with a password", lambda data: data.update(baseUrl="https://a:b@c.example")),
    ("a base URL with a loose brace", lambda data: data.update(baseUrl="https://a.example/{")),
    ("a host that is a number", lambda data: data.update(hosts=[5])),
    ("a host that is everything", lambda data: data.update(hosts=["*"])),
    ("no host list", lambda data: data.update(hosts=None)),
    ("too many hosts", lambda data: data.update(hosts=["a.example"] * 200)),
    ("user data without a schema", lambda data: data.update(userDataSchema="none")),
    ("an operation of an unknown kind", sell(kind="root")),
    ("an operation without a name", sell(name="")),
    ("a name nobody can read", sell(name="sell\u202e\0")),
    ("a name without end", sell(name="sell" * 1000)),
    ("a title that is a number", sell(title=5)),
    ("a promise that is a text", sell(isIdempotent="yes")),
    ("an input without a schema", sell(inputSchema=None)),
    ("an output that is a list", sell(outputSchema=[])),
    ("a schema that is none", sell(inputSchema={"type": "nonsense"})),
    ("a schema with a broken pattern", sell(inputSchema={"properties": {"a": {"pattern": "("}}})),
    ("a schema on the network", sell(inputSchema={"$ref": "http://127.0.0.1:9/schema.json"})),
    ("a schema in a file", sell(outputSchema={"properties": {"a": {"$ref": "file:///etc/passwd"}}})),
    ("a schema beside it", sell(outputSchema={"anyOf": [{"$ref": "other.json#/a"}]})),
    ("choices nobody gives", sell(inputSchema={"properties": {"a": {"lookup": {"operation": "nobody"}}}})),
    ("choices from no choices operation", sell(inputSchema={"properties": {"a": {"lookup": {"operation": "sell"}}}})),
    ("a lookup of nothing", sell(inputSchema={"properties": {"a": {"lookup": {"operation": None}}}})),
    ("a schema of many parts", sell(inputSchema={"enum": list(range(6000))})),
    ("a schema that refers to itself", sell(inputSchema={"properties": {"a": {"$ref": "#"}}})),
    ("forty pairs of pairs", sell(inputSchema=pairs_of_pairs(40))),
    ("alternatives without end", sell(inputSchema={"items": {"anyOf": [{"minimum": 1}] * 400}})),
    ("alternatives of alternatives", sell(inputSchema={"anyOf": [{"not": {"allOf": [{"minimum": 1}] * 20}}] * 20})),
    ("conditions without end", sell(inputSchema={"dependencies": {f"a{n}": {"minimum": n} for n in range(300)}})),
    ("patterns without end", sell(inputSchema={"properties": {f"a{n}": {"pattern": "a"} for n in range(150)}})),
    ("a text with many patterns", sell(inputSchema={"allOf": [{"pattern": "a"}] * 30})),
    ("a pattern that looks ahead", sell(inputSchema={"properties": {"a": {"pattern": "^(?=(a+)+$)"}}})),
    ("a pattern that looks back", sell(inputSchema={"properties": {"a": {"pattern": r"^(a|b)*\1$"}}})),
    ("a gigantic pattern", sell(inputSchema={"properties": {"a": {"pattern": "((a{1,99}){1,99}){1,99}"}}})),
    ("a very deep schema", sell(inputSchema=deep(40))),
    ("an endlessly deep schema", sell(inputSchema=deep(5000))),
    ("three megabytes", sell(description="x" * 3_000_000)),
]


def test_a_good_manifest_is_read():
    assert set(read_manifest(manifest(), METADATA).operations) == {"sell", "list_shops"}


@pytest.mark.parametrize("break_it", [pytest.param(break_it, id=wrong) for wrong, break_it in BAD])
def test_a_bad_manifest_fails_the_build_and_says_why(break_it: Callable[[dict[str, Any]], Any]):
    data = manifest()
    break_it(data)

    with pytest.raises(CannotBuild) as refused:
        read_manifest(data, METADATA)

    assert 20 < len(refused.value.reason) < 400
