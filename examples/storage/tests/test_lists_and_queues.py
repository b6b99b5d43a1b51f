"""Add to counter, append to list, get list, push to queue, take from queue."""

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from storage.operations.add_to_counter import Addition, add_to_counter
from storage.operations.append_to_list import NewItem, append_to_list
from storage.operations.get_list import ListRef, get_list
from storage.operations.push_to_queue import push_to_queue
from storage.operations.set_value import NewValue, set_value
from storage.operations.take_from_queue import QueueRef, take_from_queue


@pytest.fixture
def hub() -> FakeService:
    return FakeService()


def test_a_counter_goes_up_and_down(hub: FakeService) -> None:
    numbers = [run(add_to_counter, Addition("visits", amount), service=hub)["number"] for amount in (1, 5, -2)]

    assert numbers == [1, 6, 4]


def test_what_is_no_number_is_not_counted(hub: FakeService) -> None:
    run(set_value, NewValue("visits", "many"), service=hub)

    with pytest.raises(InvalidInput, match="no whole number"):
        run(add_to_counter, Addition("visits"), service=hub)


def test_a_list_keeps_its_last_items(hub: FakeService) -> None:
    for item in ("a", "b", "c"):
        run(append_to_list, NewItem("log", item, keep_last=2), service=hub)

    assert run(get_list, ListRef("log"), service=hub) == {"items": ["b", "c"]}
    assert run(get_list, ListRef("other"), service=hub) == {"items": []}


def test_what_is_no_list_is_not_shown_as_one(hub: FakeService) -> None:
    run(set_value, NewValue("log", "text"), service=hub)

    with pytest.raises(InvalidInput, match="Get it with Get value"):
        run(get_list, ListRef("log"), service=hub)


def test_a_queue_gives_first_what_came_first(hub: FakeService) -> None:
    for order in (None, {"tea": 2}):
        run(push_to_queue, {"queue": "orders", "item": order}, service=hub)

    taken = [run(take_from_queue, QueueRef("orders"), service=hub) for _ in range(3)]

    assert taken == [
        {"is_there": True, "item": None},
        {"is_there": True, "item": {"tea": 2}},
        {"is_there": False, "item": None},
    ]
