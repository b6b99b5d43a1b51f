"""Storage without a hub: what each action does, in tests with a fake service and from the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from jackfield import AsyncStorage, Connector, Http, InvalidInput, Storage
from jackfield.auth import TokenRequest
from jackfield.connector import ConnectorMistake
from jackfield.errors import ConnectorError, TooLarge
from jackfield.exchange import JsonObject, Request
from jackfield.local_storage import LocalStorage, WithStorage
from jackfield.manifest import Metadata
from jackfield.storage_rules import MAX_VALUE_BYTES, STORAGE_URL, answer_of
from jackfield.testing import FAKE_BASE_URL, FakeService, run

shop = Connector("https://api.shop.example")


@dataclass
class Visit:
    name: str


@shop.operation
def count_visit(visit: Visit, storage: Storage) -> JsonObject:
    """Count a visit."""
    return {"visits": storage.add(f"visits/{visit.name}")}


@shop.operation
async def count_visit_awaited(visit: Visit, storage: AsyncStorage) -> JsonObject:
    """Use every method there is to await."""
    mine, theirs = storage.of_user(), storage.of_workspace("w")
    await mine.set("seen", visit.name)
    await theirs.append("names", visit.name)
    await theirs.append("names", "last")
    await storage.push("queue", visit.name)
    stored = await mine.look_up("seen")
    return {
        "visits": await storage.add(f"visits/{visit.name}"),
        "seen": await mine.get("seen"),
        "version": stored.version if stored else 0,
        "last": await theirs.pop("names"),
        "taken": await storage.take("queue"),
        "keys": [key async for key in storage.keys("visits/")],
        "is_deleted": await mine.delete("seen"),
    }


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(clock: Clock) -> Storage:
    return Storage(WithStorage(FakeService(), LocalStorage(clock=clock)))


def test_what_is_stored_lasts_as_long_as_the_fake_service():
    service = FakeService()

    assert run(count_visit, Visit("ada"), service=service) == {"visits": 1}
    assert run(count_visit, Visit("ada"), service=service) == {"visits": 2}
    assert run(count_visit, Visit("ada"), service=FakeService()) == {"visits": 1}
    assert service.requests == []


def test_every_method_can_be_awaited():
    assert run(count_visit_awaited, Visit("ada"), service=FakeService()) == {
        "visits": 1,
        "seen": "ada",
        "version": 1,
        "last": "last",
        "taken": "ada",
        "keys": ["visits/ada"],
        "is_deleted": True,
    }


def test_a_handler_that_does_not_await_is_told_which_storage_it_needs():
    with pytest.raises(ConnectorMistake, match="annotate Storage as AsyncStorage"):

        @shop.operation
        async def waits(storage: Storage) -> JsonObject:
            return {}

    with pytest.raises(ConnectorMistake, match="annotate it as Storage"):

        @shop.operation
        def does_not(storage: AsyncStorage) -> JsonObject:
            return {}


@pytest.mark.parametrize("value", [None, 0, 1.5, "text", [1, [2]], {"a": {"b": None}}, "ünï\u2028"])
def test_a_value_comes_back_as_it_was_set(storage: Storage, value: object):
    storage.set("key", value)

    assert storage.get("key", "nothing") == value


def test_what_is_not_there_is_the_default(storage: Storage):
    assert storage.get("key") is None
    assert (storage.get("key", 7), storage.pop("key", 7), storage.take("key", 7)) == (7, 7, 7)
    assert storage.look_up("key") is None
    assert storage.delete("key") is False


def test_a_value_can_be_set_once(storage: Storage):
    assert storage.set("lock", "mine", if_absent=True)
    assert storage.set("lock", "yours", if_absent=True) is None
    assert storage.get("lock") == "mine"


def test_a_value_can_be_set_if_nobody_else_was_faster(storage: Storage):
    first = storage.set("plan", "a")
    second = storage.set("plan", "b", if_version=first)

    assert storage.set("plan", "c", if_version=first) is None
    assert storage.get("plan") == "b"
    storage.delete("plan")
    storage.set("plan", "d")
    assert storage.set("plan", "e", if_version=second) is None, "a version is not given twice"


def test_a_value_is_gone_when_its_time_is_over(storage: Storage, clock: Clock):
    storage.set("short", 1, for_seconds=10)
    storage.set("long", 2)
    clock.now += 9.9
    assert storage.get("short") == 1

    clock.now += 0.1

    assert storage.get("short") is None
    assert [*storage.keys()] == ["long"]
    assert storage.set("short", 3, if_absent=True)


def test_a_number_counts_for_the_time_it_had_at_its_beginning(storage: Storage, clock: Clock):
    assert storage.add("calls", for_seconds=60) == 1
    clock.now += 59
    assert storage.add("calls", 5, for_seconds=60) == 6
    clock.now += 1

    assert storage.add("calls", -2) == -2


def test_a_list_keeps_its_last_items(storage: Storage):
    lengths = [storage.append("log", item, keep_last=2) for item in "abc"]

    assert lengths == [1, 2, 2]
    assert storage.get("log") == ["b", "c"]
    assert [storage.pop("log"), storage.pop("log"), storage.pop("log", "empty")] == ["c", "b", "empty"]


def test_a_queue_gives_first_what_came_first(storage: Storage, clock: Clock):
    assert [storage.push("orders", 1), storage.push("orders", 2, for_seconds=5), storage.push("orders", 3)] == [1, 2, 3]
    assert storage.take("orders") == 1
    clock.now += 5

    assert [storage.take("orders"), storage.take("orders", "empty")] == [3, "empty"]
    assert [*storage.keys()] == []


def test_keys_come_in_order_however_many_there_are(storage: Storage):
    for number in range(1005):
        storage.set(f"order-{number:04}", number)
    storage.set("other", 1)

    keys = [*storage.keys("order-")]

    assert keys == [f"order-{number:04}" for number in range(1005)]
    assert [*storage.keys("order-", after="order-1002")] == ["order-1003", "order-1004"]


def test_places_are_apart(storage: Storage):
    for number, place in enumerate((storage, storage.of_user(), storage.of_workspace("a"), storage.of_workspace("b"))):
        place.set("key", number)
        place.push("key", number)

    assert [storage.get("key"), storage.of_user().take("key"), storage.of_workspace("b").get("key")] == [0, 1, 3]


@pytest.mark.parametrize(
    ("key", "says"), [("", "needs a character"), ("a\nb", "#/key"), ("k" * 201, "#/key"), ("nul\0", "#/key")]
)
def test_a_key_that_cannot_be_is_refused(storage: Storage, key: str, says: str):
    with pytest.raises(InvalidInput, match=says):
        storage.set(key, 1)


def test_a_value_of_the_wrong_kind_is_not_changed(storage: Storage):
    storage.set("text", "a")

    with pytest.raises(InvalidInput, match="no whole number"):
        storage.add("text")
    with pytest.raises(InvalidInput, match="no list"):
        storage.append("text", 1)
    storage.add("number", 2**53 - 1)
    with pytest.raises(InvalidInput, match="larger than a number"):
        storage.add("number")
    with pytest.raises(InvalidInput, match="what JSON can say"):
        storage.set("text", object())
    assert storage.get("text") == "a"


def test_a_value_that_is_too_large_is_refused(storage: Storage):
    storage.set("fits", "x" * (MAX_VALUE_BYTES - 2))

    with pytest.raises(TooLarge, match="262,144 bytes as JSON"):
        storage.set("too large", "x" * (MAX_VALUE_BYTES - 1))
    with pytest.raises(TooLarge):
        storage.set("far too large", "x" * 2 * MAX_VALUE_BYTES)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"action": "drop", "key": "a"}',
        b'{"action": "get", "key": 1}',
        b'{"action": "add", "key": "a", "amount": 1e300}',
        b'{"action": "get", "key": "a", "connector": "other"}',
        b'{"action": "set", "key": "a", "for_seconds": -1}',
        b"[" * 100_000,
    ],
)
def test_what_storage_is_not_asked_in_its_own_words_is_refused(body: bytes):
    with pytest.raises(InvalidInput):
        answer_of(LocalStorage().answer(Request("POST", STORAGE_URL, body=body)))


def test_a_file_remembers(tmp_path: Path):
    file = tmp_path / "dist" / "storage.json"

    def opened() -> Storage:
        return Storage(WithStorage(FakeService(), LocalStorage(file)))

    opened().set("key", {"a": 1})
    opened().of_workspace("w").push("queue", 1)
    opened().of_workspace("w").push("queue", 2)

    assert opened().get("key") == {"a": 1}
    assert [opened().of_workspace("w").take("queue") for _ in range(3)] == [1, 2, None]


def test_a_path_cannot_be_mistaken_for_storage():
    service = FakeService()
    service.get("/storage:", text="a page")

    assert Http(WithStorage(service), FAKE_BASE_URL).get(STORAGE_URL).text == "a page"
    with pytest.raises(ConnectorError, match="no base URL"):
        Http(WithStorage(service)).get(STORAGE_URL)


def test_an_operation_that_gets_a_token_has_no_storage():
    service = {"name": "diary", "version": "1"}
    metadata = Metadata.from_json({"name": "diary", "version": "1.0", "service": service})
    diary = Connector("https://diary.example", sign_in=TokenRequest(fields=["user"]))

    @diary.private(name="#token_request")
    def token_request(storage: Storage) -> JsonObject:
        return {}

    with pytest.raises(ConnectorMistake, match="it has no storage"):
        diary.manifest(metadata)
