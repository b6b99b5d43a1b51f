"""Twenty secrets of a working hub, and where they are not: workers, frames, logs, answers."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from jackfield_hub.hub import Hub
from jackfield_hub.sandbox.link import WorkerLink
from tests.hub.connectors import until
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.test_sandbox_faults import memory_of, processes_below

CODE = '''
from dataclasses import dataclass
from jackfield import Http
from {package}.connector import shop

@dataclass
class Nothing:
    pass

@shop.operation
def look(nothing: Nothing, http: Http) -> dict:
    """Ask, print what came, and give it back."""
    answer = http.post("/mirror", json={{"a": 1}}, accept=range(100, 600))
    print(answer.text, dict(answer.headers))
    return {{"text": answer.text, "headers": dict(answer.headers), "url": answer.url}}

@shop.operation
def look_and_fail(nothing: Nothing, http: Http) -> dict:
    """Ask, and fail with what came in the message."""
    answer = http.post("/mirror?status=500", json={{"a": 1}}, accept=range(100, 600))
    raise ValueError(answer.text)

@shop.operation
def refused(nothing: Nothing, http: Http) -> dict:
    """Ask, and be refused with what was sent in the body."""
    answer = http.post("/mirror?status=403", json={{"a": 1}})
    return answer.json()
'''
ASYNC_CODE = (
    CODE.replace("import Http", "import AsyncHttp as Http")
    .replace("\ndef ", "\nasync def ")
    .replace("= http", "= await http")
)

KIT = "__import__('jackfield')"  # the shop's connector imports a few names only
WAYS = {
    "bearer": ("Bearer()", ["accessToken"]),
    "basic": (f"{KIT}.Basic()", ["password"]),
    "header": ('ApiKey("X-Key")', ["apiKey"]),
    "query": (f'ApiKey("key", {KIT}.auth.Place.QUERY)', ["apiKey"]),
    "body": (f'ApiKey("key", {KIT}.auth.Place.BODY)', ["apiKey"]),
    "cookie": (f'ApiKey("session", {KIT}.auth.Place.COOKIE)', ["apiKey"]),
}
SPELLINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda secret: secret,
    lambda secret: quote(secret, safe="").encode(),
    lambda secret: secret.hex().encode(),
    base64.b64encode,
    lambda secret: base64.urlsafe_b64encode(b"x" + secret),
)


class Mirror:
    """A third party that repeats, in every spelling, what it was sent; it can be made to take its time."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.may_answer.wait()
        seen = [*request.headers.values(), *request.query.values(), *request.cookies.values(), await request.text()]
        seen += [part for text in seen for part in text.split(" ")]
        words = b"\n".join(spell(text.encode()) for text in seen for spell in SPELLINGS)
        status = int(request.query.get("status", "200"))
        return web.Response(body=words, status=status, headers={"X-Seen": quote(" ".join(seen))})


@asynccontextmanager
async def mirror() -> AsyncGenerator[Mirror]:
    mirror = Mirror()
    application = web.Application()
    application.router.add_post("/mirror", mirror.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mirror.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield mirror
    finally:
        mirror.may_answer.set()
        await runner.cleanup()


@pytest.fixture
async def third_party() -> AsyncGenerator[Mirror]:
    async with mirror() as third_party:
        yield third_party


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """All bytes between the hub and its workers, both ways."""
    seen = bytearray()
    received, written = WorkerLink.data_received, WorkerLink._write

    def data_received(link: WorkerLink, data: bytes) -> None:
        seen.extend(data)
        received(link, data)

    def write(link: WorkerLink, frame: bytes) -> None:
        seen.extend(frame)
        written(link, frame)

    monkeypatch.setattr(WorkerLink, "data_received", data_received)
    monkeypatch.setattr(WorkerLink, "_write", write)
    return seen


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Secrets in the hub's own environment."""
    secrets = [os.urandom(12).hex() for _ in range(8)]
    for number, secret in enumerate(secrets):
        monkeypatch.setenv(f"AWS_SECRET_{number}", secret)
    return secrets


@pytest.fixture
def planted(environment: list[str], hub: Hub, alice: Person, bob: Person, charlie: Person) -> list[bytes]:
    """The secrets of the hub and its people; the credentials of auths come on top."""
    master_key = (hub.settings.data_dir / "keys" / "master.key").read_bytes()
    texts = [*environment, alice.token, alice.api_token, bob.token, charlie.token]
    return [master_key, *(text.encode() for text in texts)]


async def store_auths(hub: Hub, alice: Person, third_party: Mirror, code: str) -> dict[str, dict[str, Any]]:
    """Put a connector for each way to sign in in place, and store an auth for each; return what was stored."""
    stored: dict[str, dict[str, Any]] = {}
    for name, (way, _) in WAYS.items():
        await put_in_place(hub, alice.organization_id, third_party.url, name=name, title=name, sign_in=way, code=code)
        environments = await alice.get(f"/core/v1/services/{name}/versions/1/environments")
        credentials = {key: f"s3cr3t/{os.urandom(9).hex()}+ü" if key != "username" else "ann" for key in keys_of(name)}
        answer = await alice.post(
            "/core/v1/authentications",
            {
                "name": name,
                "serviceEnvironmentId": environments.json["elements"][0]["id"],
                "credentials": credentials,
            },
        )
        assert answer.status < 300, answer.body
        stored[name] = {"id": answer.json["id"], "credentials": credentials}
    return stored


def keys_of(name: str) -> list[str]:
    return ["username", *WAYS[name][1]] if name == "basic" else WAYS[name][1]


def secrets_of(auths: dict[str, dict[str, Any]]) -> list[bytes]:
    secrets = [auth["credentials"][key].encode() for name, auth in auths.items() for key in WAYS[name][1]]
    pair = b"ann:" + auths["basic"]["credentials"]["password"].encode()
    return [*secrets, base64.b64encode(pair)]


def found_in(
    where: bytes, secrets: list[bytes], spellings: Iterable[Callable[[bytes], bytes]] = SPELLINGS
) -> list[bytes]:
    return [secret for secret in secrets for spell in spellings if spell(secret) in where]


async def ask(alice: Person, name: str, operation: str, auth: dict[str, Any]) -> bytes:
    asked = {"operation": operation, "input": {}, "authId": auth["id"]}
    return (await alice.post(f"/core/v1/connectors/{name}/versions/1.0/call", asked)).body


def memories_of_workers(hub: Hub) -> list[bytes]:
    first = hub.workers.first_pid or 0
    return [memory_of(pid) for pid in (first, *processes_below(first))]


@pytest.mark.parametrize("code", [CODE, ASYNC_CODE], ids=["def", "async def"])
async def test_no_secret_is_in_the_memory_of_a_worker_while_calls_run(
    hub: Hub, alice: Person, third_party: Mirror, planted: list[bytes], code: str
):
    auths = await store_auths(hub, alice, third_party, code)
    third_party.may_answer.clear()
    calls = [asyncio.create_task(ask(alice, name, "look", auth)) for name, auth in auths.items()]
    await until(lambda: third_party.asked == len(calls))

    memories = memories_of_workers(hub)
    third_party.may_answer.set()
    await asyncio.gather(*calls)
    memories += memories_of_workers(hub)

    secrets = [*planted, *secrets_of(auths)]
    assert len(secrets) >= 20
    assert len(memories) >= 2 * (len(auths) + 1)
    assert all(b"jackfield" in memory for memory in memories)
    kept_as = (bytes, base64.b64encode)  # nobody would keep one in another way, and to look takes long
    assert not any(found_in(memory, secrets, kept_as) for memory in memories)


@pytest.mark.parametrize("code", [CODE, ASYNC_CODE], ids=["def", "async def"])
async def test_no_secret_is_in_a_frame_a_log_or_an_answer(  # noqa: PLR0917 - fixtures
    hub: Hub, alice: Person, third_party: Mirror, frames: bytearray, capsys: pytest.CaptureFixture[str], code: str
):
    auths = await store_auths(hub, alice, third_party, code)

    answers = [
        await ask(alice, name, operation, auth)
        for name, auth in auths.items()
        for operation in ("look", "look_and_fail", "refused")
    ]
    logs = [(await alice.get(f"/v1/connectors/{name}/versions/1.0/log")).body for name in auths]
    logs.append("".join(capsys.readouterr()).encode())

    assert all(b"[redacted]" in answer or b"unexpectedly" in answer for answer in answers)
    assert third_party.asked == len(answers)
    assert not any(found_in(text, secrets_of(auths)) for text in (*answers, *logs, bytes(frames)))
