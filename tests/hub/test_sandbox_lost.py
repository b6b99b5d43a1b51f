"""The process that starts workers is lost, or the host changes under it: typed errors, no orphans, no weaker jail."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from jackfield.exchange import Request, Response
from jackfield_hub.sandbox.jail import JAILS, Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Pool
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run
from tests.hub.test_sandbox_faults import exists, is_gone, processes_below

IN_FLIGHT = 200
CODE = """
from jackfield import AsyncHttp

@small.operation
def ask(http: Http) -> dict:
    return {"text": http.get("/").text}

@small.operation
async def ask_async(http: AsyncHttp) -> dict:
    return {"text": (await http.get("/")).text}
"""


@pytest.mark.parametrize("rung", JAILS)
async def test_a_zygote_killed_under_two_hundred_calls_is_back_in_a_moment(tmp_path: Path, rung: Rung):
    bundle = small_bundle(tmp_path / "bundle", CODE)
    pool = Pool(Limits(drain_seconds=1.0), rung)
    await pool.start()
    asked, all_asked = 0, asyncio.Event()

    async def send(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if asked == IN_FLIGHT:
            all_asked.set()
        await asyncio.sleep(60)
        return Response(200)

    operations = ["ask", "ask_async"] * (IN_FLIGHT // 2)
    calls = [
        asyncio.create_task(run(pool, bundle, one, organization=f"org-{number % 4}", send=send))
        for number, one in enumerate(operations)
    ]
    await asyncio.wait_for(all_asked.wait(), 60)
    first = pool.first_pid or 0
    processes = [first, *processes_below(first)]
    zygote = processes[1] if rung is Rung.NAMESPACES else first
    killed = time.monotonic()

    os.kill(zygote, signal.SIGKILL)

    outcomes = await asyncio.gather(*calls)
    assert {output(outcome)["kind"] for outcome in outcomes} == {"WorkerLost"}
    assert await give(pool, bundle, "echo", text="again") == {"text": "again"}
    assert time.monotonic() - killed < 10.0  # a generous ceiling: alone on its machine it takes a third of a second
    assert pool.counters["ZygoteLost"] == 1
    assert await is_gone(lambda: any(exists(pid) for pid in processes))
    await pool.stop()


HUB = """
import asyncio, json, os, signal, sys, time
from pathlib import Path
from jackfield.runner import Call
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Pool, WorkerKey

SWITCH = Path("/proc/sys/user/max_user_namespaces")  # of the namespace this test lives in, and no other

async def live():
    pool = Pool(Limits(drain_seconds=0.5))
    await pool.start()
    bundle = Bundle(Path(sys.argv[1]), "small", "digest")
    async def call(seconds):
        key = WorkerKey("acme", "small~1.0", "digest")
        outcome = await pool.call(key, bundle, Call("echo", {"text": "x"}), None, time.monotonic() + seconds)
        return json.loads(outcome.output).get("kind", "")
    said = [pool.rung, await call(20)]
    allowed = SWITCH.read_text()
    SWITCH.write_text("0")
    os.kill(pool.first_pid, signal.SIGKILL)
    await asyncio.sleep(0.2)
    said += [await call(3), pool.rung]
    SWITCH.write_text(allowed)
    said += [await call(30), pool.rung]
    await pool.stop()
    print(json.dumps(said))

asyncio.run(live())
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="the namespace this needs is made by unshare")
async def test_a_host_that_stops_allowing_namespaces_gets_no_worker_in_a_weaker_jail(tmp_path: Path):
    bundle = small_bundle(tmp_path / "bundle")
    own_world = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps")

    hub = await asyncio.create_subprocess_exec(
        *own_world,
        sys.executable,
        "-c",
        HUB,
        str(bundle.folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, wept = await hub.communicate()

    assert hub.returncode == 0, wept.decode()
    rung, before, during, still, after, again = json.loads(told.splitlines()[-1])
    assert (rung, still, again) == ("R1", "R1", "R1")
    assert (before, during, after) == ("", "WorkerLost", "")
    assert b"no_workers_in_this_rung_any_more" in told + wept


async def test_a_connector_whose_import_never_ends_is_given_up_and_then_paused(tmp_path: Path):
    bundle = small_bundle(tmp_path / "bundle", "time.sleep(3600)")
    pool = Pool(Limits(drain_seconds=0.5, load_seconds=0.4))
    await pool.start()

    ends = [output(await run(pool, bundle, "echo", text="x")) for _ in range(4)]

    assert [end["kind"] for end in ends] == ["ConnectorError"] * 3 + ["WorkerPaused"]
    assert pool.counters["LoadFailed"] == 3
    assert await is_gone(lambda: pool.counters["started"] != pool.counters["ended"])
    await pool.stop()
