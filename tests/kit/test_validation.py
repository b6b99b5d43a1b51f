"""Input that does not fit is refused in the words of the public API."""

import pytest

from jackfield.validation import Schema, problem_text

CHANNEL = {
    "type": "object",
    "properties": {"channel": {"type": "string"}, "rows": {"type": "integer"}, "sort": {"enum": ["up", "down"]}},
    "required": ["channel"],
    "additionalProperties": False,
}


def test_a_missing_key_is_named_in_the_documented_text():
    text = problem_text(Schema(CHANNEL).problems({}))

    assert text == (
        "Connector input validation failed. Schema validation errors:\n[ 1 - #: required key [channel] not found ]"
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [("5", "String"), (5.5, "Number"), (None, "Null"), (True, "Boolean"), ([], "JSONArray"), ({}, "JSONObject")],
)
def test_a_wrong_type_says_what_was_expected_and_what_was_found(value: object, found: str):
    assert Schema(CHANNEL).problems({"channel": "a", "rows": value}) == [
        f"#/rows: expected type: Integer, found: {found}"
    ]


def test_every_problem_is_numbered():
    problems = Schema(CHANNEL).problems({"rows": "x", "extra": 1})

    assert problem_text(problems).count(" - ") == 3
    assert "#: extraneous key [extra] is not permitted" in problems


def test_alternatives_that_overlap_both_fit():
    either = {"oneOf": [{"type": "object", "required": ["a"]}, {"type": "object"}]}

    assert Schema(either).is_valid({"a": 1})


TEXT_OR_CARD = Schema(
    {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"enum": [kind]}, key: {"type": "string"}},
                "required": ["kind", key],
            }
            for kind, key in (("text", "text"), ("card", "title"))
        ]
    }
)


@pytest.mark.parametrize(
    ("value", "lacks"),
    [
        ({"kind": "card"}, "#: required key [title] not found"),
        ({"kind": "card", "title": 5}, "#/title: expected type: String, found: Integer"),
    ],
)
def test_of_alternatives_the_one_that_was_meant_says_what_it_lacks(value: object, lacks: str):
    assert TEXT_OR_CARD.problems(value) == [
        f"#: no subschema matched out of the total 2 subschemas; number 2 is nearest: {lacks}"
    ]


@pytest.mark.parametrize("value", [{}, {"kind": "poem"}, "card"])
def test_of_alternatives_none_is_guessed(value: object):
    assert TEXT_OR_CARD.problems(value) == ["#: no subschema matched out of the total 2 subschemas"]


def test_a_field_may_be_called_like_a_keyword():
    schema = Schema({"type": "object", "properties": {"lookup": {"type": "integer"}, "advanced": {"type": "integer"}}})

    assert schema.problems({"lookup": "x", "advanced": 1}) == ["#/lookup: expected type: Integer, found: String"]


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x.json", "file:///etc/hostname", "https://example.com/s"])
def test_a_reference_to_anywhere_outside_is_never_followed(reference: str):
    with pytest.raises(ValueError, match="disabled"):
        Schema({"$ref": reference}).compile()


def test_a_schema_that_is_none_is_refused_when_compiled():
    with pytest.raises(ValueError, match="nonsense"):
        Schema({"type": "nonsense"}).compile()


def test_at_most_twenty_problems_are_told():
    many = Schema({"type": "array", "items": {"type": "integer"}}).problems(["x"] * 1000)

    assert len(many) == 20


def test_no_pattern_takes_long_for_any_text():
    schema = Schema({"type": "string", "pattern": "^((a+)+)+$"})

    assert not schema.is_valid("a" * 100_000 + "!")


@pytest.mark.parametrize("pattern", ["^(?=a)", "(?<!a)b", r"(a)\1", "((a{1,99}){1,99}){1,99}"])
def test_a_pattern_that_could_take_long_is_refused(pattern: str):
    with pytest.raises(ValueError, match="regex"):
        Schema({"pattern": pattern}).compile()
