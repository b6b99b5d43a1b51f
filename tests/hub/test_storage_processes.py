"""Storage that several hubs share, and that a power cut finds half-way."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hub.connectors import connector_zip, deploy_and_wait, deploy_body, deploy_path, deployment_path
from tests.hub.processes import HubProcess, start
from tests.hub.test_processes import until
from tests.hub.test_storage import CODE, ask
from tests.hub.two_hubs import two_hubs

CALL = "/core/v1/connectors/shop/versions/1.0/call"
SHOP = connector_zip("shop", files={"shop/operations/everything.py": CODE.format(package="shop")})


async def test_takers_at_two_hubs_get_everything_once(tmp_path: Path, new_database: Callable[[], str]):
    async with two_hubs(tmp_path, new_database()) as hubs:
        here, there = hubs.alice, hubs.elsewhere(hubs.alice)
        await deploy_and_wait(here, SHOP, "shop")
        await asyncio.gather(*(ask((here, there)[n % 2], "push", "orders", n) for n in range(40)))

        async def take_all(number: int) -> list[int]:
            taken: list[int] = []
            while (order := await ask((here, there)[number % 2], "take", "orders")) is not None:
                taken.append(order)
            return taken

        taken = await asyncio.gather(*(take_all(number) for number in range(20)))
        counted = await asyncio.gather(*(ask((here, there)[n % 2], "add", "visits") for n in range(50)))

    assert Counter(number for some in taken for number in some) == Counter(range(40))
    assert sorted(counted) == [*range(1, 51)]


def test_a_power_cut_loses_nothing_that_was_acknowledged(hub_process: HubProcess):
    deploy(hub_process)
    acknowledged: list[int] = []

    def push(first: int) -> None:
        for number in range(first, first + 10_000):
            try:
                use(hub_process, "push", "orders", number)
            except OSError:  # there is nobody any more
                return
            acknowledged.append(number)

    pushers = [threading.Thread(target=push, args=(first,)) for first in (0, 10_000, 20_000)]
    for pusher in pushers:
        pusher.start()
    until(lambda: len(acknowledged) >= 60)
    hub_process.kill()
    for pusher in pushers:
        pusher.join()
    again = start(hub_process.data, database=hub_process.database)
    try:
        kept = list(iter(lambda: use(again, "take", "orders"), None))
    finally:
        again.kill()

    assert set(acknowledged) <= set(kept)
    assert len(kept) <= len(acknowledged) + len(pushers), "what was not acknowledged is there once, or not at all"
    assert len(set(kept)) == len(kept)
    for first in (0, 10_000, 20_000):
        of_one = [number for number in kept if first <= number < first + 10_000]
        assert of_one == sorted(of_one)


def deploy(hub: HubProcess) -> None:
    _, deployment = hub.ask("POST", deploy_path("shop"), deploy_body(SHOP))
    path = deployment_path("shop", deployment["id"])
    until(lambda: hub.ask("GET", path)[1]["deploymentStatus"] == "Deployed")


def use(hub: HubProcess, method: str, *given: Any) -> Any:
    """Return what a method of storage returned."""
    status, answer = hub.ask("POST", CALL, {"operation": "ask", "input": {"method": method, "given": given}})
    if status == 503 or (status == 200 and answer["outcome"] == "error"):
        raise ConnectionError(answer)
    assert status == 200, answer
    return answer["output"]["got"]
