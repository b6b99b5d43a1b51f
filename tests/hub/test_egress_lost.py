"""What sends requests to third parties lives in the processes that serve. It dies with them, in the middle of all."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.processes import tree
from tests.hub.connectors import connector_zip, deploy_and_wait, until
from tests.hub.processes import running
from tests.hub.shop import answering
from tests.hub.test_idempotency import REPLAYED, person, send, usage
from tests.hub.test_processes import api_processes
from tests.hub.test_two_hubs import asking

CALLS = 200
CALL = "/core/v1/connectors/acme/versions/1.0/call"
ASK = {"operation": "ask", "input": {}}


class Slow:
    """A third party that answers nobody until it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        await self.may_answer.wait()
        return web.json_response({"words": "hello"})


async def test_f38_requests_that_lose_their_engine_are_over_at_once_and_are_not_sent_again(tmp_path: Path) -> None:
    slow = Slow()
    with running(tmp_path / "hub", processes="2", allowed_networks="127.0.0.1/32") as hub:
        connector = aiohttp.TCPConnector(limit=0)
        async with answering(slow.answer) as url, aiohttp.ClientSession(hub.url, connector=connector) as session:
            master = person(session, hub)
            await deploy_and_wait(master, connector_zip(files=asking(url)))
            calls = [asyncio.create_task(send(master, CALL, ASK, f"k-{number}")) for number in range(CALLS)]
            await until(lambda: slow.asked == CALLS)
            before = api_processes(hub)
            lost = tree(*before.values())

            for process in before.values():
                os.kill(process, signal.SIGKILL)

            async with asyncio.timeout(60):
                ends = await asyncio.gather(*calls, return_exceptions=True)
            await until(lambda: len(api_processes(hub)) == 2 and not set(api_processes(hub)) & set(before))
            await until(lambda: not any(Path(f"/proc/{process}").exists() for process in lost))
            slow.may_answer.set()
            again = [await send(master, CALL, ASK, f"k-{number}") for number in range(CALLS)]

            assert all(isinstance(end, aiohttp.ClientError) for end in ends)  # the connection was with the dead
            codes = Counter(
                (answer.status, answer.json["output"]["code"], REPLAYED in answer.headers) for answer in again
            )
            assert codes == {(200, "#outcome_unknown", True): CALLS}
            assert slow.asked == CALLS
            assert await usage(master) == CALLS
            assert (await master.post(CALL, ASK)).json["outcome"] == "success"
