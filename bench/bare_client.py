"""The floor of a Python program: aiohttp asking the third party, with nothing around it.

Run it as `python -m bench.bare_client PORT PATH CONNECTIONS SECONDS`; it prints what it saw, as `bench.load` does, and
what it has used itself.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from dataclasses import asdict

import aiohttp
import uvloop

from bench.load import Meter, Seen, summed_up

WARM_UP_SECONDS = 0.5


async def run(url: str, connections: int, seconds: float) -> Seen:
    now = time.perf_counter()
    meter = Meter([b""], now + WARM_UP_SECONDS, now + WARM_UP_SECONDS + seconds)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await asyncio.gather(*(_ask(session, url, meter) for _ in range(connections)))
    return summed_up(meter, seconds)


async def _ask(session: aiohttp.ClientSession, url: str, meter: Meter) -> None:
    began_at = time.perf_counter()
    while began_at < meter.ends_at:
        async with session.get(url) as answer:
            await answer.json()
        now = time.perf_counter()
        meter.note(answer.status, began_at, now)
        began_at = now


if __name__ == "__main__":
    third_party, path, callers, duration = sys.argv[1:]
    used_before = time.process_time()
    seen = uvloop.run(run(f"http://127.0.0.1:{third_party}{path}", int(callers), float(duration)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seen": asdict(seen), "cpu": time.process_time() - used_before, "memory": memory}))
