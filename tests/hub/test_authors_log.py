"""What connectors print is kept for their authors: over a restart, sealed, not too much, and not for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.calls.authors_log import ENTRIES_A_CONNECTOR, LogEntry
from jackfield_hub.calls.history import sweep
from jackfield_hub.calls.kept_logs import HOUR_SECONDS
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import Settings
from tests.conftest import Ground
from tests.hub.people import front_door, person_of
from tests.hub.shop import put_in_place, third_party
from tests.hub.stored import all_that_is_stored, stored_values
from tests.hub.test_rotation import rotate

CALL = "/core/v1/connectors/shop/versions/1.0/call"
LOG = "/v1/connectors/shop/versions/1.0/log"
SHOP = ("shop", "1.0")


def entry(number: int, text: str = "canary-log") -> LogEntry:
    return LogEntry(float(number), f"r-{number}", "get_product", "success", f"{text} {number}")


def stored_texts(settings: Settings) -> list[Any]:
    return stored_values(settings, "SELECT text FROM authors_logs")


async def until_stored(settings: Settings, count: int) -> None:
    async with asyncio.timeout(30):
        while len(stored_texts(settings)) != count:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.05)


async def read(hub: Hub, ground: Ground) -> list[dict[str, Any]]:
    async with front_door(hub) as session:
        answer = await person_of(ground.alices, session).get(LOG)
    assert answer.status == 200, answer.body
    return answer.json["elements"]


async def test_it_is_there_after_a_restart_and_after_a_change_of_keys(settings: Settings, ground: Ground) -> None:
    async with open_hub(settings) as hub, third_party() as shop:
        await put_in_place(hub, ground.alices.id, shop.url)
        async with front_door(hub) as session:
            body = {"operation": "stumble", "input": {}}
            await person_of(ground.alices, session).post(CALL, body)
        before = await read(hub, ground)

    assert (await rotate(settings))[0] == 0

    async with open_hub(settings) as hub:
        after = await read(hub, ground)
    assert len(before) == 1
    assert after == before


async def test_it_can_be_read_at_once_and_everything_is_there_once(
    hub: Hub, ground: Ground, settings: Settings
) -> None:
    await put_in_place(hub, ground.alices.id, "https://shop.example")
    for number in range(3):
        hub.authors_log.write((ground.alices.id, *SHOP), entry(number))

    at_once = await read(hub, ground)
    await until_stored(settings, 3)
    hub.authors_log.write((ground.alices.id, *SHOP), entry(3))

    assert [one["requestId"] for one in at_once] == ["r-2", "r-1", "r-0"]
    assert [one["requestId"] for one in await read(hub, ground)] == ["r-3", "r-2", "r-1", "r-0"]


async def test_only_the_latest_of_each_connector_version_are_kept(hub: Hub, ground: Ground, settings: Settings) -> None:
    await put_in_place(hub, ground.alices.id, "https://shop.example")
    other = (ground.charlies.id, *SHOP)
    hub.authors_log.write(other, entry(0))
    for number in range(70):
        hub.authors_log.write((ground.alices.id, *SHOP), entry(number))
    await until_stored(settings, ENTRIES_A_CONNECTOR + 1)
    for number in range(70, 90):
        hub.authors_log.write((ground.alices.id, *SHOP), entry(number))

    newest = [f"r-{number}" for number in reversed(range(40, 90))]
    async with asyncio.timeout(30):
        while {row[0] for row in stored_values(settings, "SELECT request_id FROM authors_logs")} != {*newest, "r-0"}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert [one["requestId"] for one in await read(hub, ground)] == newest


async def test_it_is_sealed_and_forgotten_in_time(hub: Hub, ground: Ground, settings: Settings) -> None:
    link = f"https://hub.example/v1/files/x?expires=1&signature={'a1' * 32}"
    hub.authors_log.write((ground.alices.id, *SHOP), entry(1, f"canary-log {link}"))
    await until_stored(settings, 1)

    assert hub.kept_logs is not None
    [kept] = await hub.kept_logs.read((ground.alices.id, *SHOP))
    assert kept.text == "canary-log https://hub.example/v1/files/x?expires=1&signature=[redacted] 1"
    assert await hub.kept_logs.read((ground.charlies.id, *SHOP)) == []
    assert b"canary-log" not in all_that_is_stored(settings)

    later = hub.clock() + settings.authors_log_kept_hours * HOUR_SECONDS + 1
    hub.clock = lambda: later
    await sweep.sweep(hub)
    assert stored_texts(settings) == []


class TestWithoutKeeping:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"authors_log_kept_hours": 0})

    async def test_nothing_is_stored_and_it_can_be_read_until_a_restart(
        self, hub: Hub, ground: Ground, settings: Settings, tmp_path: Path
    ) -> None:
        await put_in_place(hub, ground.alices.id, "https://shop.example")
        hub.authors_log.write((ground.alices.id, *SHOP), entry(1))

        assert hub.kept_logs is None
        assert [one["requestId"] for one in await read(hub, ground)] == ["r-1"]
        assert stored_texts(settings) == []
