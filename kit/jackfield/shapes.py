"""Type hints become JSON Schemas with the public API's extra keywords; JSON becomes the dataclasses of an input.

dataclass            object, closed            Literal, Enum     enum + enumLabels
str int float bool   string integer …          A | B             oneOf, each with a title
X, X | None = …      not required              datetime          string, format datetime
list[X]              array                     File              object, format file
dict[str, X]         open object               Secret            string, format password
TypedDict            object, open (outputs)    Any               anything
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from types import UnionType
from typing import (
    Any,
    Literal,
    TypedDict,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import typing_extensions
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PydanticUserError, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, PydanticOmit, core_schema

from jackfield.errors import InvalidInput
from jackfield.exchange import Json, JsonObject

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
OPERATION_NAME = "__jackfield_operation_name__"  # the attribute a decorated handler carries
_make_typed_dict: Any = typing_extensions.TypedDict
FORMATS = frozenset({"datetime", "code", "text", "password", "file", "hidden"})
ADVANCED, CLASS_NAME = "x-advanced", "x-class"  # notes to ourselves between generating a schema and polishing it

Shape = TypeVar("Shape")


class ShapeMistake(ValueError):
    """A type hint has no JSON Schema we can promise; the message names it and says what to write instead."""


class Choice(TypedDict):
    """One entry of a drop-down: what people read, and what the operation receives."""

    text: str
    value: str | int | float


@dataclass(frozen=True)
class File:
    """A file by reference: where to fetch it until when (`expires`, epoch seconds), never its bytes."""

    name: str
    url: str
    mime_type: str
    expires: float

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        reference = handler(schema)
        handler.resolve_ref_schema(reference).update(format="file", description="A file, by where to fetch it.")
        return reference


class Secret(str):
    """A text that must not be seen: forms show dots, its repr is `Secret(…)`. To everything else it is a str."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "password"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a form shows for one input, and what it accepts. Used as `Annotated[str, Field(title="Order")]`.

    `format` is one of datetime, code, text, password, file, hidden. `labels` names the values of an enum:
    `labels={"asc": "Oldest first"}`. `is_advanced` folds the field away. `default` is what a form starts with in a
    field that callers have to give; a field they may leave out has its default after the `=`.
    """

    title: str | None = None
    description: str | None = None
    format: str | None = None
    default: Json = None
    is_advanced: bool = False
    labels: dict[str, str] = field(default_factory=dict[str, str])
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    examples: tuple[Any, ...] = ()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if self.format not in (None, *FORMATS):
            raise ShapeMistake(f"a form knows no format {self.format!r}: use {', '.join(sorted(FORMATS))}")
        shaped = dict(handler(schema))
        shaped.update({key: value for key, value in self._keywords().items() if value is not None})
        if self.labels:
            shaped["enumLabels"] = _labels(handler.resolve_ref_schema(shaped), self.labels)
        return shaped

    def _keywords(self) -> JsonObject:
        return {
            "title": self.title,
            "description": self.description,
            "format": self.format,
            "default": self.default,
            ADVANCED: self.is_advanced or None,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "minLength": self.min_length,
            "maxLength": self.max_length,
            "pattern": self.pattern,
            "examples": list(self.examples) or None,
        }


@dataclass(frozen=True)
class ChoicesFrom:
    """A drop-down whose entries another operation lists; see `choices_from`."""

    handler: Callable[..., Any]
    parents: tuple[tuple[str, str], ...]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        name = getattr(self.handler, OPERATION_NAME, None)
        if name is None:
            raise ShapeMistake(f"choices_from({self.handler.__name__}) needs a function decorated with @….choices")
        inputs = {input_name: f"{{{{{{{parent}}}}}}}" for input_name, parent in self.parents}
        return {**handler(schema), "lookup": {"operation": name, "input": inputs, "authRequired": True}}


def choices_from(handler: Callable[..., Any], **parents: str) -> ChoicesFrom:
    """Let people choose a value from what `handler`, a `@….choices` operation, lists.

    A keyword fills an input of that operation from another field of the same form:
    `choices_from(list_channels, workspace_id="workspace")` lists again when `workspace` has a value.
    """
    return ChoicesFrom(handler, tuple(parents.items()))


@cache
def input_schema(shape: type | None) -> JsonObject:
    """Return the schema of an operation's input. Without a shape: an object without properties.

    The root always has `type`, `properties`, `required`, `additionalProperties` and `advanced`.
    Raises ShapeMistake.
    """
    if shape is None:
        return {"$schema": DRAFT_7, **_closed_object({}, [])}
    if not is_dataclass(shape):
        raise ShapeMistake(f"{_name(shape)} cannot be an input: make it a @dataclass")
    return {"$schema": DRAFT_7, **_schema_of(shape, "validation")}


@cache
def output_schema(shape: Any) -> JsonObject:
    """Return the schema of an operation's output; more keys than it names may come. Raises ShapeMistake."""
    if shape is None or shape is type(None):
        return {"$schema": DRAFT_7, "type": "object", "properties": {}}
    schema = _schema_of(shape, "serialization")
    if schema.get("type") != "object":
        raise ShapeMistake(f"an output must be an object, not {_name(shape)}: return a TypedDict")
    schema.setdefault("properties", {})
    return {"$schema": DRAFT_7, **schema}


def read_input(shape: type[Shape], value: JsonObject) -> Shape:
    """Return the dataclass that `value` describes. Raises InvalidInput for what no JSON Schema can say."""
    try:
        return _reader(shape)(value)
    except ValidationError as mistake:
        first = mistake.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidInput(f"The input {where} does not fit: {first['msg']}.") from None


def _closed_object(properties: JsonObject, required: list[str]) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "advanced": [],
    }


@cache
def _reader(shape: Any) -> Callable[[Any], Any]:
    return _adapter(shape).validator.validate_python  # what the adapter's own does, without its choices


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(_readable(shape))
    except (PydanticUserError, NameError) as mistake:
        raise ShapeMistake(f"{_name(shape)}: {mistake}") from None


def _readable(shape: Any) -> Any:
    """Return the shape with each `typing.TypedDict` made anew: on Python 3.11 pydantic reads only the backport's."""
    if is_typeddict(shape):
        hints = {name: _readable(hint) for name, hint in get_type_hints(shape, include_extras=True).items()}
        return _make_typed_dict(_name(shape), hints, total=shape.__total__)
    if not get_args(shape) or get_origin(shape) is Literal:
        return shape
    inner = tuple(_readable(part) for part in get_args(shape))
    if isinstance(shape, UnionType):
        return Union[inner]  # noqa: UP007 - built from parts that are known only now
    return shape.copy_with(inner) if hasattr(shape, "copy_with") else get_origin(shape)[inner]


def _schema_of(shape: Any, mode: JsonSchemaMode) -> JsonObject:
    try:
        schema = _adapter(shape).json_schema(mode=mode, schema_generator=_Generator)
    except (PydanticUserError, PydanticOmit) as mistake:
        raise ShapeMistake(f"{_name(shape)}: {mistake}") from None
    definitions = schema.pop("$defs", {})
    return _polish(_inline(schema, definitions))


def _inline(schema: Any, definitions: JsonObject, open_names: tuple[str, ...] = ()) -> Any:
    """Return the schema with every reference replaced by what it means: forms cannot follow references."""
    if isinstance(schema, list):
        return [_inline(part, definitions, open_names) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    parts = dict(cast("JsonObject", schema))
    name = parts.pop("$ref", "").rsplit("/", 1)[-1]
    if name in open_names:
        raise ShapeMistake(f"{name} contains itself, which no form can show: use dict[str, Any] at that place")
    if name:
        parts, open_names = {**_meaning(definitions[name]), **parts}, (*open_names, name)
    return {key: _inline(value, definitions, open_names) for key, value in parts.items()}


def _meaning(definition: JsonObject) -> JsonObject:
    """Return the definition; an enum's class name and docstring speak to programmers, not to people with a form."""
    if "enum" not in definition:
        return definition
    return {key: value for key, value in definition.items() if key not in ("title", "description")}


def _polish(schema: JsonObject) -> JsonObject:
    """Give every property and every alternative a title, and drop what only the generator needed."""
    polished = {key: value for key, value in schema.items() if key != CLASS_NAME and (key, value) != ("default", None)}
    for name, inner in polished.get("properties", {}).items():
        polished["properties"][name] = _polish({"title": sentence(name), **inner})
    if "oneOf" in polished:
        alternatives: list[JsonObject] = polished["oneOf"]
        polished["oneOf"] = [_polish({"title": _alternative_title(inner), **inner}) for inner in alternatives]
    for keyword in ("items", "additionalProperties"):
        if isinstance(polished.get(keyword), dict):
            polished[keyword] = _polish(polished[keyword])
    return polished


def _alternative_title(schema: JsonObject) -> str:
    return sentence(schema.get(CLASS_NAME) or schema.get("type") or "other")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, speaking the public API's dialect."""

    def get_title_from_name(self, name: str) -> str:
        return sentence(name)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if self.mode == "validation":
            return inner  # "may be left out" is said by `required`, not by null
        if isinstance(inner.get("type"), str) and "enum" not in inner:
            return {**inner, "type": [inner["type"], "null"]}
        return {"oneOf": [inner, {"type": "null", "title": "Nothing"}]}

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        shaped = super().dataclass_schema(schema)
        shaped[CLASS_NAME] = shaped.pop("title", schema["cls"].__name__)
        if self.mode == "serialization":
            return shaped
        closed = _closed_object(shaped.get("properties", {}), shaped.get("required", []))
        closed["advanced"] = [name for name, inner in closed["properties"].items() if inner.pop(ADVANCED, False)]
        return {**shaped, **closed}

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        shaped = super().typed_dict_schema(schema)
        shaped.pop("additionalProperties", None)
        shaped[CLASS_NAME] = shaped.pop("title", None)
        return shaped

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        return _labelled(super().enum_schema(schema))

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        shaped = super().literal_schema(schema)
        if "const" in shaped:
            shaped["enum"] = [shaped.pop("const")]
        return _labelled(shaped)

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        shaped = super().union_schema(schema)
        if "anyOf" in shaped:
            shaped["oneOf"] = shaped.pop("anyOf")
        return shaped

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        shaped = super().tagged_union_schema(schema)
        shaped.pop("discriminator", None)
        return shaped

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        shaped = super().tuple_schema(schema)
        if "prefixItems" in shaped:  # draft 7 says it with `items`
            shaped.update(additionalItems=shaped.pop("items", False), items=shaped.pop("prefixItems"))
        return shaped

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {"type": "string", "format": "datetime"}

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return {"type": "number"}

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        raise ShapeMistake("bytes have no place in JSON: use File for a file, or str")


def sentence(name: str) -> str:
    """Return a name as people write it: `order_id` -> "Order id", `first-option` -> "First option"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    return " ".join(words).capitalize()


def _labelled(schema: JsonSchemaValue) -> JsonSchemaValue:
    schema.pop("title", None)
    schema.pop("description", None)
    values: list[Json] = schema.get("enum", [])
    return {**schema, "enumLabels": [sentence(str(value)) for value in values]}


def _labels(schema: JsonObject, labels: dict[str, str]) -> list[str]:
    values: list[Json] = schema.get("enum", [])
    unknown = sorted(set(labels) - {str(value) for value in values})
    if unknown:
        raise ShapeMistake(f"labels are given for {', '.join(unknown)}, which the field does not allow")
    return [labels.get(str(value), sentence(str(value))) for value in values]


def _name(shape: Any) -> str:
    return getattr(shape, "__name__", str(shape))
