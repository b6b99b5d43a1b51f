"""Calls through real workers: what comes back, and what a worker is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvloop

from jackfield.errors import NoAnswer
from jackfield.exchange import Request, Response
from jackfield.runner import Call
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, LoadFailed, Overloaded, Pool, WorkerKey, WorkerOutcome
from tests.hub.small_connectors import small_bundle, small_metadata

SECONDS = 20.0


async def no_network(request: Request) -> Response:
    raise NoAnswer(f"nobody is at {request.url}")


async def run(
    pool: Pool,
    bundle: Bundle,
    operation: str,
    *,
    organization: str = "acme",
    send: Any = no_network,
    seconds: float = SECONDS,
    **given: Any,
) -> WorkerOutcome:
    key = WorkerKey(organization, "small~1.0", bundle.digest)
    return await pool.call(
        key, bundle, Call(operation, given, "https://api.small.example"), send, time.monotonic() + seconds
    )


def output(outcome: WorkerOutcome) -> dict[str, Any]:
    return orjson.loads(outcome.output)


async def give(pool: Pool, bundle: Bundle, operation: str, **given: Any) -> dict[str, Any]:
    """Run the operation and return its output; it must succeed."""
    outcome = await run(pool, bundle, operation, **given)
    assert outcome.is_success, (outcome.output, outcome.log)
    return output(outcome)


@pytest.fixture
async def pool() -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0))
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def connector(tmp_path: Path) -> Callable[[str], Bundle]:
    return lambda code="": small_bundle(tmp_path / "bundle", code)


async def test_an_operation_gives_back_what_it_was_given(pool, connector):
    bundle = connector("")

    assert await give(pool, bundle, "echo", text="hällo") == {"text": "hällo"}
    assert await give(pool, bundle, "echo", text="again") == {"text": "again"}


def test_workers_serve_the_loop_the_hub_runs_on(connector):
    bundle = connector("")

    async def live() -> list[dict[str, Any]]:
        pool = Pool()
        await pool.start()
        answers = await asyncio.gather(*(give(pool, bundle, "echo", text=str(n)) for n in range(20)))
        await pool.stop()
        return answers

    assert uvloop.run(live()) == [{"text": str(n)} for n in range(20)]


async def test_an_unknown_operation_and_a_wrong_input_are_errors_of_the_caller(pool, connector):
    bundle = connector("")

    unknown = output(await run(pool, bundle, "nothing"))
    wrong = output(await run(pool, bundle, "echo", text=5))

    assert unknown["code"] == wrong["code"] == "#user_input_error"


async def test_requests_go_out_through_the_platform_and_their_answers_come_back(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(text: Text, http: Http) -> dict:
        answer = http.post("/things", json={"t": text.text}, headers={"X-One": "1"})
        return {"status": answer.status, "type": answer.headers["content-type"], "body": answer.json()}
    """)
    seen: list[Request] = []

    async def send(request: Request) -> Response:
        seen.append(request)
        return Response(201, (("Content-Type", "application/json"),), b'{"n": 1}', request.url)

    given = await give(pool, bundle, "ask", text="x", send=send)

    assert given == {"status": 201, "type": "application/json", "body": {"n": 1}}
    assert (seen[0].method, seen[0].body) == ("POST", b'{"t":"x"}')


async def test_a_request_nobody_answers_is_an_error_with_the_platforms_words(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(http: Http) -> dict:
        return http.get("https://api.small.example/x").json()
    """)

    outcome = await run(pool, bundle, "ask")

    assert not outcome.is_success
    assert output(outcome)["kind"] == "NoAnswer"
    assert "https://api.small.example/x" in output(outcome)["message"]


async def test_a_bug_in_the_platforms_own_sending_ends_the_call_with_an_error(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(http: Http) -> dict:
        return http.get("/x").json()
    """)

    async def send(request: Request) -> Response:
        raise RuntimeError("hunter2")

    outcome = await run(pool, bundle, "ask", send=send)

    assert output(outcome)["code"] == "#platform_error"
    assert b"hunter2" not in outcome.output


async def test_fifty_calls_run_side_by_side_in_one_worker(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(text: Text, http: Http) -> dict:
        return {"text": http.get("/" + text.text).text, "pid": os.getpid()}
    """)
    inside = 0
    most = 0

    async def send(request: Request) -> Response:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.3)
        inside -= 1
        return Response(200, (), request.url.rpartition("/")[2].encode())

    answers = await asyncio.gather(*(give(pool, bundle, "ask", text=str(n), send=send) for n in range(50)))

    assert [answer["text"] for answer in answers] == [str(n) for n in range(50)]
    assert len({answer["pid"] for answer in answers}) == 1
    assert most > 25


async def test_a_large_body_passes_both_ways(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(http: Http) -> dict:
        return {"text": http.post("/", content=b"u" * 3_000_000).text}
    """)

    async def send(request: Request) -> Response:
        return Response(200, (), request.body.replace(b"u", b"d"))

    assert await give(pool, bundle, "ask", send=send) == {"text": "d" * 3_000_000}


async def test_more_requests_than_a_call_may_make_are_refused(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(http: Http) -> dict:
        while True:
            http.get("/")
    """)
    sent = 0

    async def send(request: Request) -> Response:
        nonlocal sent
        sent += 1
        return Response(200)

    outcome = await run(pool, bundle, "ask", send=send)

    assert output(outcome)["kind"] == "OutOfRequests"
    assert sent == 100


ASK = """
    @small.operation
    def ask(text: Text, http: Http) -> dict:
        return {"text": http.get("/" + text.text).text}
"""


async def test_a_worker_has_few_requests_on_their_way_and_the_others_wait(connector):
    bundle = connector(ASK)
    pool = Pool(Limits(drain_seconds=1.0, requests_under_way=2))
    await pool.start()
    inside, most = set[str](), 0
    may_answer = asyncio.Event()

    async def send(request: Request) -> Response:
        nonlocal most
        inside.add(request.url)
        most = max(most, len(inside))
        try:
            await may_answer.wait()
        finally:
            inside.remove(request.url)
        return Response(200, (), request.url.rpartition("/")[2].encode())

    late = [asyncio.create_task(run(pool, bundle, "ask", text=str(n), send=send, seconds=1.0)) for n in range(4)]
    await asyncio.wait(late)
    may_answer.set()
    answers = await asyncio.gather(*(give(pool, bundle, "ask", text=str(n), send=send) for n in range(10)))
    await pool.stop()

    assert {output(call.result())["kind"] for call in late} == {"TimedOut"}
    assert [answer["text"] for answer in answers] == [str(n) for n in range(10)]
    assert most == 2


async def test_each_call_has_its_own_deadline(pool, connector):
    bundle = connector(ASK)
    may_answer = asyncio.Event()

    async def send(request: Request) -> Response:
        await may_answer.wait()
        return Response(200, (), b"at last")

    seconds = [SECONDS, 0.3, 0.6, SECONDS]
    asked = [asyncio.create_task(run(pool, bundle, "ask", text="x", send=send, seconds=one)) for one in seconds]
    await asyncio.wait(asked[1:2])
    assert not asked[2].done()
    await asyncio.wait(asked[2:3])
    may_answer.set()

    assert [(await call).is_success for call in asked] == [True, False, False, True]


async def test_what_a_handler_prints_is_for_its_author_and_bounded(pool, connector):
    bundle = connector("""
    @small.operation
    def talk() -> dict:
        print("to whom it may concern")
        sys.stderr.write("and to whom it may not")
        return {}

    @small.operation
    def flood() -> dict:
        for _ in range(3000):
            print("x" * 1000)
        return {}
    """)

    talk = await run(pool, bundle, "talk")
    flood = await run(pool, bundle, "flood")

    assert talk.log == "to whom it may concern\nand to whom it may not"
    assert output(talk) == {}
    assert flood.is_success
    assert 200_000 < len(flood.log) <= 256 * 1024


async def test_a_handler_that_raises_leaves_its_traceback_in_the_log_only(pool, connector):
    bundle = connector("""
    @small.operation
    def burst() -> dict:
        raise ValueError("hunter2")
    """)

    outcome = await run(pool, bundle, "burst")

    assert output(outcome)["kind"] == "ConnectorError"
    assert b"hunter2" not in outcome.output
    assert "hunter2" in outcome.log


async def test_organizations_never_share_a_process(pool, connector):
    bundle = connector("""
    seen = []

    @small.operation
    def remember(text: Text) -> dict:
        seen.append(text.text)
        return {"seen": list(seen), "pid": os.getpid()}
    """)

    alice = await give(pool, bundle, "remember", text="a", organization="alice")
    charlie = await give(pool, bundle, "remember", text="c", organization="charlie")

    assert alice["seen"] == ["a"]
    assert charlie["seen"] == ["c"]
    assert alice["pid"] != charlie["pid"]


async def test_a_worker_has_no_environment_and_four_descriptors(pool, connector, monkeypatch):
    monkeypatch.setenv("JACKFIELD_PLANTED", "hunter2")
    bundle = connector("""
    def is_open(number):
        try:
            os.fstat(number)
        except OSError:
            return False
        return True

    @small.operation
    def look() -> dict:
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_char_p
        return {
            "environment": dict(os.environ),
            "planted": str(libc.getenv(b"JACKFIELD_PLANTED")),
            "descriptors": [n for n in range(4096) if is_open(n)],
            "site": "site" in sys.modules,
        }
    """)

    seen = await give(pool, bundle, "look")

    assert seen == {"environment": {}, "planted": "None", "descriptors": [0, 1, 2, 3], "site": False}


async def test_dependencies_are_importable_and_their_pth_files_never_run(pool, connector, tmp_path):
    bundle = connector("""
    import helpful

    @small.operation
    def use() -> dict:
        return {"answer": helpful.ANSWER}
    """)
    canary = tmp_path / "canary"
    (bundle.folder / "deps" / "helpful.py").write_text("ANSWER = 42\n")
    (bundle.folder / "deps" / "evil.pth").write_text(f"import pathlib; pathlib.Path({str(canary)!r}).touch()\n")
    (bundle.folder / "deps" / "sitecustomize.py").write_text(f"open({str(canary)!r}, 'w')\n")

    assert await give(pool, bundle, "use") == {"answer": 42}
    assert not canary.exists()


async def test_a_bundle_is_described_by_a_worker_of_its_own(pool, connector):
    bundle = connector("""
    @small.operation
    def pid() -> dict:
        return {"pid": os.getpid()}
    """)

    manifest = await pool.describe(bundle, small_metadata(), time.monotonic() + SECONDS)

    assert [operation["name"] for operation in manifest["operations"]] == ["echo", "pid"]
    assert manifest["connector"]["name"] == "small"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no such luck')", "no such luck"),
        ("import nowhere", "nowhere"),
        ("sys.exit(3)", "SystemExit"),
        ("os._exit(3)", "status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("print('about to'); 1/0", "about to"),
        ("while True: pass", "too long to import"),
    ],
)
async def test_a_connector_that_cannot_be_imported_says_why(pool, connector, code, reason):
    bundle = connector(code)
    patience = 0.5 if "while" in code else SECONDS

    with pytest.raises(LoadFailed) as failure:
        await pool.describe(bundle, small_metadata(), time.monotonic() + patience)
    assert reason in failure.value.reason

    outcome = await run(pool, bundle, "echo", seconds=patience)
    assert not outcome.is_success
    assert output(outcome)["kind"] in {"ConnectorError", "TimedOut"}


async def test_a_worker_nobody_uses_is_ended(connector):
    bundle = connector("""
    @small.operation
    def pid() -> dict:
        return {"pid": os.getpid()}
    """)
    pool = Pool(Limits(idle_seconds=0.2))
    await pool.start()

    first = await give(pool, bundle, "pid")
    await asyncio.sleep(0.6)
    second = await give(pool, bundle, "pid")
    await pool.stop()

    assert first["pid"] != second["pid"]


async def test_at_the_limit_the_worker_that_rested_longest_makes_room(connector):
    bundle = connector("""
    @small.operation
    def rest(text: Text) -> dict:
        time.sleep(float(text.text))
        return {"pid": os.getpid()}
    """)
    pool = Pool(Limits(max_workers=2))
    await pool.start()

    async def rest(organization: str, seconds: str = "0") -> int:
        return (await give(pool, bundle, "rest", text=seconds, organization=organization))["pid"]

    alice, bob = await rest("alice"), await rest("bob")
    await rest("charlie")
    assert await rest("bob") == bob
    assert await rest("alice") != alice
    busy = [asyncio.create_task(rest(name, "0.5")) for name in ("alice", "bob")]
    await asyncio.sleep(0.2)
    with pytest.raises(Overloaded):
        await rest("charlie")
    await asyncio.gather(*busy)
    await pool.stop()


async def test_stopping_waits_for_the_calls_that_are_open(connector):
    bundle = connector("""
    @small.operation
    def rest() -> dict:
        time.sleep(0.5)
        return {"rested": True}
    """)
    pool = Pool()
    await pool.start()

    resting = asyncio.create_task(run(pool, bundle, "rest"))
    await asyncio.sleep(0.3)
    await pool.stop()

    assert output(await resting) == {"rested": True}
    with pytest.raises(Overloaded):
        await run(pool, bundle, "rest")
