"""Schemas as forms: every kind of field, on a page and back."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield_hub.dialog.form import Kind, fields_of, read_form
from jackfield_hub.hub import Hub
from jackfield_hub.services import store
from tests.hub.people import Person
from tests.hub.visitor import Page, Visitor, code_for, link

RICH: dict[str, Any] = {
    "type": "object",
    "required": ["region", "seats", "address", "is_trial"],
    "properties": {
        "region": {"type": "string", "title": "Region", "enum": ["eu", "us"], "enumLabels": ["Europe", "America"]},
        "plan": {"oneOf": [{"const": 1, "title": "Small"}, {"const": 2}], "default": 2},
        "seats": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many people."},
        "ratio": {"type": "number"},
        "is_trial": {"type": "boolean", "title": "Trial"},
        "note": {"type": "string", "format": "text", "maxLength": 30},
        "tags": {"type": "array", "items": {"type": "string"}},
        "more": {"type": "object"},
        "kind": {"type": "string", "format": "hidden", "default": "crm"},
        "version": {"const": 3},
        "address": {
            "type": "object",
            "title": "Address",
            "required": ["city"],
            "properties": {"city": {"type": "string", "minLength": 2}, "pin": {"type": "string", "format": "password"}},
        },
    },
}
GOOD = {
    "u/region": "1",
    "u/plan": "0",
    "u/seats": " 7 ",
    "u/ratio": "0,5",
    "u/is_trial": "on",
    "u/note": "one\r\ntwo",
    "u/tags": "a\n\n b ",
    "u/more": '{"x": [1]}',
    "u/address/city": "Rome ",
    "u/address/pin": " 1 2 ",
}


def test_what_was_typed_becomes_a_value_of_the_schema() -> None:
    filled = read_form(RICH, "u", GOOD)

    assert filled.problems == {}
    assert filled.value == {
        "region": "us",
        "plan": 1,
        "seats": 7,
        "ratio": 0.5,
        "is_trial": True,
        "note": "one\ntwo",
        "tags": ["a", "b"],
        "more": {"x": [1]},
        "kind": "crm",
        "version": 3,
        "address": {"city": "Rome", "pin": " 1 2 "},
    }


def test_what_is_left_empty_is_left_out() -> None:
    filled = read_form({**RICH, "required": []}, "u", {})

    assert filled.value == {"is_trial": False, "kind": "crm", "version": 3}
    assert filled.problems == {"u/address/city": "Please fill this in."}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("region", "", "Please fill this in."),
        ("region", "2", "Please choose one of the list."),
        ("region", "eu", "Please choose one of the list."),
        ("region", "-1", "Please choose one of the list."),
        ("plan", "٣", "Please choose one of the list."),
        ("seats", "many", "Please enter a whole number."),
        ("seats", "1.5", "Please enter a whole number."),
        ("seats", "0", "This must be 1 or more."),
        ("seats", "10", "This must be 9 or less."),
        ("seats", "9" * 5000, "Please enter a whole number."),
        ("ratio", "NaN", "Please enter a number."),
        ("ratio", "1e999", "Please enter a number."),
        ("note", "x" * 31, "Please enter at most 30 characters."),
        ("more", "{", "This is not JSON; look at line 1."),
        ("more", "[]", "This does not have the form that is asked for."),
        ("address/city", "X", "Please enter at least 2 characters."),
    ],
)
def test_what_is_wrong_is_said_in_words_for_people(name: str, text: str, problem: str) -> None:
    assert read_form(RICH, "u", {**GOOD, f"u/{name}": text}).problems == {f"u/{name}": problem}


def test_names_with_slashes_keep_apart() -> None:
    schema = {
        "properties": {"a/b": {"type": "string"}, "a": {"properties": {"b": {"type": "string"}}, "type": "object"}}
    }

    names = [one.name for one in fields_of(schema, "u")] + [one.name for one in fields_of(schema, "u")[1].fields]

    assert names == ["u/a~1b", "u/a", "u/a/b"]
    assert len({one.element_id for one in fields_of(schema, "u")}) == 2
    assert read_form(schema, "u", {"u/a~1b": "x", "u/a/b": "y"}).value == {"a/b": "x", "a": {"b": "y"}}


def test_stored_values_stand_in_their_fields_and_secrets_do_not() -> None:
    stored = read_form(RICH, "u", GOOD).value

    drawn = {one.name: one for one in fields_of(RICH, "u", value=stored, keeps=True)}

    assert [option.is_chosen for option in drawn["u/region"].options] == [False, True]
    assert (drawn["u/tags"].value, drawn["u/is_trial"].value, drawn["u/seats"].value) == ("a\nb", "on", "7")
    city, pin = drawn["u/address"].fields
    assert (city.value, pin.kind, pin.value, pin.is_kept) == ("Rome", Kind.PASSWORD, "", True)
    kept = read_form(RICH, "u", {**GOOD, "u/address/pin": ""}, stored)
    assert kept.value["address"]["pin"] == " 1 2 "


@pytest.fixture
async def page(hub: Hub, alice: Person, bob: Person) -> Page:
    """A page that asks for all of it."""
    service = {"name": "crm", "title": "CRM", "baseUrl": "https://crm.example", "signIn": {"kind": "none"}}
    environment_id = (await alice.post("/v1/services", service)).json["environments"][0]["id"]
    async with hub.database.transaction() as tx:
        await store.update_environment(tx, environment_id, user_data_schema=RICH)
    return await Visitor(alice.session).open(link(code=await code_for(alice, bob), serviceEnvironmentId=environment_id))


async def test_every_kind_of_field_is_on_the_page_and_comes_back(alice: Person, bob: Person, page: Page) -> None:
    assert page.attributes["userData/seats"]["inputmode"] == "decimal"
    assert "userData/kind" not in page.fields
    assert page.fields["userData/plan"] == "1"
    assert "<legend>Address</legend>" in page.text
    typed = {name.replace("u/", "userData/", 1): text for name, text in GOOD.items()}

    wrong = await Visitor(alice.session).post(page.action, {**page.fields, **typed, "userData/seats": "many"})
    assert wrong.problem("userData/seats") == "Please enter a whole number."
    assert wrong.fields["userData/region"] == "1"
    assert wrong.fields["userData/note"] == "one\r\ntwo"
    assert wrong.fields["userData/is_trial"] == "on"
    done = await Visitor(alice.session).post(page.action, {**wrong.fields, **typed})

    assert done.message["authType"] == "builtin"
    stored = (await bob.get(f"/core/v1/authentications/{done.message['authId']}/full")).json["userData"]
    assert stored == read_form(RICH, "u", GOOD).value
