"""Type hints become the schemas that forms and the public API read."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from jackfield import Connector, Field, File, InvalidInput, Secret, choices_from
from jackfield.shapes import Choice, ShapeMistake, input_schema, output_schema, read_input


class Speed(StrEnum):
    FIRST_CLASS = "first-class"
    SECOND = "second"


@dataclass
class Person:
    """Somebody with a name."""

    name: str


@dataclass
class NonProfit:
    name: str
    tags: list[Annotated[str, Field(title="Tag")]] = field(default_factory=list[str])


@dataclass
class Parcel:
    speed: Speed
    owner: Annotated[Person | NonProfit, Field(title="Owner", description="Who gets it.")]
    how: Annotated[Literal["air", "sea"], Field(labels={"air": "By air"})] = "sea"
    when: datetime | None = None
    pieces: Annotated[int, Field(minimum=1, is_advanced=True)] = 5
    note: Any = None
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    code: Secret | None = None
    label: File | None = None


class Line(TypedDict):
    name: str
    price: float | None


class Order(TypedDict):
    order_id: int
    lines: list[Line]
    note: NotRequired[str]


def properties(shape: type) -> dict[str, Any]:
    return input_schema(shape)["properties"]


def test_the_root_of_an_input_is_a_closed_object_that_names_what_it_requires():
    schema = input_schema(Parcel)

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert schema["required"] == ["speed", "owner"]


def test_an_input_without_fields_still_requires_a_list():
    assert input_schema(None) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
        "advanced": [],
    }


def test_advanced_fields_are_named_on_the_object_they_belong_to():
    assert input_schema(Parcel)["advanced"] == ["pieces"]
    assert "x-advanced" not in str(input_schema(Parcel))


def test_enums_carry_a_label_for_each_value():
    assert properties(Parcel)["speed"] == {
        "type": "string",
        "title": "Speed",
        "enum": ["first-class", "second"],
        "enumLabels": ["First class", "Second"],
    }
    assert properties(Parcel)["how"]["enumLabels"] == ["By air", "Sea"]


def test_each_field_may_label_the_values_of_an_enum_class_in_its_own_words():
    @dataclass
    class Choosing:
        first: Annotated[Speed, Field(labels={"second": "Slow"})]
        then: Annotated[Speed | None, Field(labels={"first-class": "Fast"})] = None
        else_: Speed = Speed.SECOND

    labels = {name: inner["enumLabels"] for name, inner in properties(Choosing).items()}

    assert labels == {
        "first": ["First class", "Slow"],
        "then": ["Fast", "Second"],
        "else_": ["First class", "Second"],
    }


def test_a_field_that_callers_have_to_give_may_still_start_with_a_value():
    @dataclass
    class Page:
        size: Annotated[int, Field(default=20)]

    assert input_schema(Page)["required"] == ["size"]
    assert properties(Page)["size"] == {"type": "integer", "title": "Size", "default": 20}


def test_alternatives_have_titles_that_people_can_choose_from():
    owner = properties(Parcel)["owner"]

    assert (owner["title"], owner["description"]) == ("Owner", "Who gets it.")
    assert [alternative["title"] for alternative in owner["oneOf"]] == ["Person", "Non profit"]
    assert all(alternative["additionalProperties"] is False for alternative in owner["oneOf"])


def test_formats_and_defaults_follow_from_types_and_values():
    found = properties(Parcel)

    assert found["when"] == {"type": "string", "format": "datetime", "title": "When"}
    assert (found["pieces"]["default"], found["pieces"]["minimum"]) == (5, 1)
    assert found["code"]["format"] == "password"
    assert (found["label"]["format"], found["label"]["title"]) == ("file", "Label")
    assert found["note"] == {"title": "Note"}
    assert found["sizes"]["additionalProperties"]["type"] == "integer"


def test_a_format_no_form_knows_is_refused():
    @dataclass
    class Wrong:
        when: Annotated[str, Field(format="datetim")]

    with pytest.raises(ShapeMistake, match="'datetim': use code, datetime, file"):
        input_schema(Wrong)


def test_a_tuple_says_what_is_at_each_place_in_the_words_of_draft_7():
    @dataclass
    class Place:
        point: tuple[int, str]
        path: tuple[int, ...] = ()

    found = properties(Place)

    assert (found["point"]["items"], found["point"]["additionalItems"]) == (
        [{"type": "integer"}, {"type": "string"}],
        False,
    )
    assert (found["point"]["minItems"], found["path"]["items"]) == (2, {"type": "integer"})


def test_items_of_a_list_have_their_own_title():
    non_profit = properties(Parcel)["owner"]["oneOf"][1]

    assert non_profit["properties"]["tags"]["items"] == {"type": "string", "title": "Tag"}


def test_outputs_stay_open_and_may_hold_null():
    schema = output_schema(Order)

    assert schema["required"] == ["order_id", "lines"]
    assert "additionalProperties" not in schema
    assert schema["properties"]["lines"]["items"]["properties"]["price"]["type"] == ["number", "null"]


def test_a_function_that_returns_nothing_promises_an_object():
    assert output_schema(type(None))["type"] == "object"


@pytest.mark.parametrize("shape", [list[Order], str, int, list[str]])
def test_an_output_that_is_no_object_is_refused_with_advice(shape: Any):
    with pytest.raises(ShapeMistake, match="return a TypedDict"):
        output_schema(shape)


def test_an_input_must_be_a_dataclass():
    with pytest.raises(ShapeMistake, match="make it a @dataclass"):
        input_schema(Order)


@dataclass
class Folder:
    name: str
    inside: "list[Folder]"


def test_a_shape_that_contains_itself_is_refused_with_advice():
    with pytest.raises(ShapeMistake, match=r"use dict\[str, Any\]"):
        input_schema(Folder)


@dataclass
class Blob:
    content: bytes


def test_bytes_are_refused_with_advice():
    with pytest.raises(ShapeMistake, match="use File"):
        input_schema(Blob)


def test_labels_for_values_that_do_not_exist_are_refused():
    @dataclass
    class Wrong:
        how: Annotated[Literal["air"], Field(labels={"land": "By land"})]

    with pytest.raises(ShapeMistake, match="land"):
        input_schema(Wrong)


def test_a_drop_down_names_the_operation_and_its_parent_fields():
    shop = Connector("https://shop.example")

    @shop.choices(name="list_rooms_ddl")
    def list_rooms() -> list[Choice]:
        return []

    @dataclass
    class Booking:
        house: str
        room: Annotated[str, choices_from(list_rooms, house_id="house")]

    assert properties(Booking)["room"]["lookup"] == {
        "operation": "list_rooms_ddl",
        "input": {"house_id": "{{{house}}}"},
        "authRequired": True,
    }


def test_a_drop_down_needs_a_decorated_function():
    def list_rooms() -> list[Choice]:
        return []

    @dataclass
    class Booking:
        room: Annotated[str, choices_from(list_rooms)]

    with pytest.raises(ShapeMistake, match="list_rooms"):
        input_schema(Booking)


def test_json_becomes_the_dataclass_of_the_input():
    parcel = read_input(
        Parcel,
        {"speed": "second", "owner": {"name": "Ann", "tags": ["x"]}, "when": "2026-01-02T03:04:05Z", "code": "hush"},
    )

    assert parcel.owner == NonProfit("Ann", ["x"])
    assert parcel.speed is Speed.SECOND
    assert parcel.when is not None
    assert parcel.when.year == 2026
    assert isinstance(parcel.code, Secret)


def test_a_value_that_no_schema_can_refuse_is_refused_without_being_repeated():
    with pytest.raises(InvalidInput) as refusal:
        read_input(Parcel, {"speed": "second", "owner": {"name": "Ann"}, "when": "the day hunter2 came"})

    assert "when" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_secret_is_a_text_that_does_not_show_itself():
    secret = Secret("hunter2")

    assert "hunter2" not in repr({"password": secret})
    assert f"Bearer {secret}" == "Bearer hunter2"
