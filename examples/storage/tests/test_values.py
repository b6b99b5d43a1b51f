"""Get value, get values, set value, delete value, list keys."""

from typing import Any

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from storage.operations.delete_value import UnwantedValue, delete_value
from storage.operations.get_value import ValueRef, get_value
from storage.operations.get_values import ValueRefs, get_values
from storage.operations.list_keys import WantedKeys, list_keys
from storage.operations.set_value import NewValue, set_value


@pytest.fixture
def hub() -> FakeService:
    return FakeService()


def test_what_was_set_is_there_until_it_is_deleted(hub: FakeService) -> None:
    assert run(set_value, NewValue("plan", {"tea": 2}), service=hub) == {"is_set": True, "version": 1}
    assert run(get_value, ValueRef("plan"), service=hub)["value"] == {"tea": 2}
    assert run(delete_value, UnwantedValue("plan"), service=hub) == {"is_deleted": True}
    assert run(get_value, ValueRef("plan"), service=hub)["is_there"] is False
    assert run(delete_value, UnwantedValue("plan"), service=hub) == {"is_deleted": False}


def test_of_two_who_want_to_be_first_one_is(hub: FakeService) -> None:
    first = run(set_value, NewValue("lock", "ada", only_if_new=True), service=hub)
    second = run(set_value, NewValue("lock", "bruno", only_if_new=True), service=hub)

    assert (first["is_set"], second["is_set"]) == (True, False)


def test_what_somebody_else_has_changed_stays(hub: FakeService) -> None:
    read = run(set_value, NewValue("plan", "a"), service=hub)["version"]
    run(set_value, NewValue("plan", "b"), service=hub)

    late = run(set_value, NewValue("plan", "c", only_if_version=read), service=hub)

    assert late == {"is_set": False, "version": None}
    assert run(get_value, ValueRef("plan"), service=hub)["value"] == "b"


def test_several_values_come_at_once(hub: FakeService) -> None:
    for key in "ab":
        run(set_value, NewValue(key, key * 2), service=hub)

    assert run(get_values, ValueRefs(["a", "b", "c"]), service=hub) == {"values": {"a": "aa", "b": "bb"}}
    with pytest.raises(InvalidInput, match="Call several times"):
        run(get_values, ValueRefs(["a"] * 101), service=hub)


def test_keys_come_a_page_at_a_time(hub: FakeService) -> None:
    for key in ("order-1", "order-2", "order-3", "plan"):
        run(set_value, NewValue(key, 1), service=hub)

    first = run(list_keys, WantedKeys("order-", limit=2), service=hub)
    second = run(list_keys, WantedKeys("order-", limit=2, after=first["next"]), service=hub)

    assert first == {"keys": ["order-1", "order-2"], "next": "order-2"}
    assert second == {"keys": ["order-3"], "next": None}


def test_each_place_has_its_own(hub: FakeService) -> None:
    places: list[dict[str, Any]] = [
        {},
        {"kept_for": "user"},
        {"kept_for": "workspace", "workspace_id": "a"},
        {"kept_for": "workspace", "workspace_id": "b"},
    ]
    for number, place in enumerate(places):
        run(set_value, {"key": "number", "value": number, **place}, service=hub)

    values = [run(get_value, {"key": "number", **place}, service=hub)["value"] for place in places]

    assert values == [0, 1, 2, 3]


def test_a_workspace_has_to_be_named(hub: FakeService) -> None:
    with pytest.raises(InvalidInput, match="Say which workspace"):
        run(get_value, {"key": "plan", "kept_for": "workspace"}, service=hub)
