"""Files by reference at the front door: sent in, read with their links, taken away."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from jackfield_hub.files import sweep
from jackfield_hub.files.names import file_name
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import Settings
from tests.hub.people import Answer, Person, end_user
from tests.hub.processes import HubProcess, running

MEBIBYTE = 1024 * 1024


async def send(person: Person, content: Any, name: str = "report.pdf", **headers: str) -> Answer:
    """Send a file in."""
    said = {"Content-Type": "application/pdf", **headers}
    return await person.send("POST", f"/v1/files?name={name}", content, said)


async def read(person: Person, url: str, method: str = "GET", **headers: str) -> Answer:
    """Open a link, without a token."""
    parts = urlsplit(url)
    return await person.without_token().send(method, f"{parts.path}?{parts.query}", headers=headers)


def kept(hub: Hub) -> list[Path]:
    """Return every file on disk."""
    return [path for path in (hub.settings.data_dir / "files").rglob("*") if path.is_file()]


async def test_a_file_comes_back_as_it_was_sent(alice: Person, door: aiohttp.ClientSession):
    reference = (await send(alice, b"%PDF-1.7 hello")).json

    answer = await read(alice, reference["url"])

    assert set(reference) == {"name", "url", "mime_type", "expires"}
    assert (reference["name"], reference["mime_type"]) == ("report.pdf", "application/pdf")
    assert 6 * 3600 - 60 < reference["expires"] - time.time() <= 6 * 3600
    assert (answer.status, answer.body) == (200, b"%PDF-1.7 hello")
    assert answer.headers["Content-Type"] == "application/pdf"


async def test_what_is_stored_cannot_run_in_the_hubs_name(alice: Person):
    reference = (await send(alice, b"<script>alert(1)</script>", "a.html", **{"Content-Type": "text/html"})).json

    answer = await read(alice, reference["url"])

    assert answer.headers["Content-Disposition"] == "attachment; filename=\"a.html\"; filename*=UTF-8''a.html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("wanted", "first", "status", "content"),
    [
        ("bytes=0-3", "bytes 0-3/10", 206, b"0123"),
        ("bytes=7-", "bytes 7-9/10", 206, b"789"),
        ("bytes=-2", "bytes 8-9/10", 206, b"89"),
        ("bytes=8-99", "bytes 8-9/10", 206, b"89"),
        ("bytes=5-2", None, 200, b"0123456789"),
        ("bytes=0-1,4-5", None, 200, b"0123456789"),
        ("lines=1-2", None, 200, b"0123456789"),
    ],
)
async def test_a_part_of_a_file_can_be_asked_for(
    alice: Person, wanted: str, first: str | None, status: int, content: bytes
):
    reference = (await send(alice, b"0123456789")).json

    answer = await read(alice, reference["url"], Range=wanted)

    assert (answer.status, answer.headers.get("Content-Range"), answer.body) == (status, first, content)


async def test_a_range_behind_the_end_is_refused(alice: Person):
    reference = (await send(alice, b"0123456789")).json

    answer = await read(alice, reference["url"], Range="bytes=10-12")

    assert (answer.status, answer.json["code"]) == (416, "range_outside")
    assert answer.headers["Content-Range"] == "bytes */10"


async def test_head_says_how_long_a_file_is(alice: Person):
    reference = (await send(alice, b"0123456789")).json

    answer = await read(alice, reference["url"], "HEAD")

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "10", b"")
    assert answer.headers["Accept-Ranges"] == "bytes"


async def test_an_empty_file_is_a_file(alice: Person):
    reference = (await send(alice, b"")).json

    answer = await read(alice, reference["url"])

    assert (answer.status, answer.body) == (200, b"")


async def test_a_link_that_was_changed_opens_nothing(alice: Person, charlie: Person):
    mine, theirs = (await send(alice, b"mine")).json["url"], (await send(charlie, b"theirs")).json["url"]
    signature = mine.rpartition("=")[2]
    forged = [
        mine.replace(signature, "0" * 64),
        mine.replace(signature, theirs.rpartition("=")[2]),
        mine.replace("expires=1", "expires=2"),
        mine.replace(urlsplit(mine).path, urlsplit(theirs).path),
        mine.replace(urlsplit(mine).path, "/v1/files/11111111-2222-4333-8444-555555555555"),
    ]

    answers = [await read(alice, url) for url in forged]

    assert [(answer.status, answer.json["code"]) for answer in answers] == [(403, "link_invalid")] * len(forged)
    assert len({answer.body for answer in answers}) == 1


async def test_a_link_without_a_signature_opens_nothing(alice: Person):
    url = (await send(alice, b"mine")).json["url"]

    without = await read(alice, url.partition("&")[0])
    with_a_token = await alice.get(urlsplit(url).path)

    assert without.status == with_a_token.status == 400


async def test_a_link_expires(hub: Hub, alice: Person):
    reference = (await send(alice, b"mine")).json
    now = hub.clock()

    hub.clock = lambda: reference["expires"] - 1
    before = await read(alice, reference["url"])
    hub.clock = lambda: reference["expires"]
    after = await read(alice, reference["url"])
    hub.clock = lambda: now

    assert before.status == 200
    assert (after.status, after.json["code"]) == (403, "link_expired")


async def test_an_expired_file_is_swept_away(hub: Hub, alice: Person):
    reference = (await send(alice, b"mine")).json
    hub.clock = lambda: reference["expires"] + 1

    count = await sweep.sweep(hub)

    assert (count, kept(hub)) == (1, [])
    assert (await read(alice, reference["url"])).status == 403


async def test_a_job_sweeps_as_long_as_there_are_files(hub: Hub, alice: Person):
    await send(alice, b"mine")
    hub.jobs.clock = hub.clock = lambda: time.time() + 7 * 3600

    for _ in range(500):
        if not kept(hub):
            return
        await asyncio.sleep(0.02)

    raise AssertionError("nobody swept")


async def test_charlie_cannot_delete_alices_file(hub: Hub, alice: Person, charlie: Person):
    bob = await end_user(hub, alice, "bob")
    url = (await send(alice, b"mine")).json["url"]
    path = urlsplit(url).path

    answers = [await person.delete(path) for person in (charlie, bob, charlie.program)]
    unknown = await charlie.delete("/v1/files/11111111-2222-4333-8444-555555555555")

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert {answer.body for answer in answers} == {unknown.body}
    assert (await read(alice, url)).body == b"mine"


async def test_a_deleted_file_is_gone_at_once(hub: Hub, alice: Person):
    url = (await send(alice, b"mine")).json["url"]

    answer = await alice.delete(urlsplit(url).path)

    assert (answer.status, kept(hub)) == (204, [])
    assert (await read(alice, url)).status == 403


async def test_an_end_users_file_is_theirs_to_delete(hub: Hub, alice: Person):
    bob = await end_user(hub, alice, "bob")
    path = urlsplit((await send(bob, b"bobs")).json["url"]).path

    assert (await alice.delete(path)).status == 404
    assert (await bob.delete(path)).status == 204


async def test_nobody_sends_a_file_without_a_token(alice: Person, hub: Hub):
    answer = await send(alice.without_token(), b"mine")

    assert (answer.status, kept(hub)) == (401, [])


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ('a"b.txt', 'a"b.txt'),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie: x=1"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("nul\0l.txt", "null.txt"),
        ("ünïcode 名.pdf", "ünïcode 名.pdf"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_a_name_is_only_a_name(sent: str, stored: str):
    assert file_name(sent) == stored


async def test_an_odd_name_comes_back_in_a_header_that_holds(alice: Person):
    odd = "%22a%0d%0aX-Evil: 1%22%C3%BC.html"
    reference = (await send(alice, b"x", odd, **{"Content-Type": "text/html; charset=x\tx"})).json

    answer = await read(alice, reference["url"])

    assert answer.status == 200
    assert "X-Evil" not in answer.headers
    assert answer.headers["Content-Type"] == "application/octet-stream"


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_file_bytes": 3000, "max_organization_file_bytes": 5000})

    async def test_a_file_that_says_it_is_too_long_is_refused_before_it_comes(self, hub: Hub, alice: Person):
        answer = await send(alice, b"x" * 3001)

        assert (answer.status, answer.json["code"], kept(hub)) == (413, "too_large", [])

    async def test_a_file_that_does_not_say_how_long_it_is_is_stopped(self, hub: Hub, alice: Person):
        async def pieces() -> AsyncGenerator[bytes]:
            for _ in range(31):
                yield b"x" * 100

        answer = await send(alice, pieces())

        assert (answer.status, answer.json["code"], kept(hub)) == (413, "too_large", [])

    async def test_an_organization_has_a_quota_and_another_one_its_own(self, alice: Person, charlie: Person):
        assert (await send(alice, b"x" * 3000)).status == 200
        first = (await send(alice, b"x" * 2000)).json

        full, theirs = await send(alice, b"x"), await send(charlie, b"x" * 3000)
        await alice.delete(urlsplit(first["url"]).path)

        assert (full.status, full.json["code"]) == (413, "file_quota_used_up")
        assert theirs.status == 200
        assert (await send(alice, b"x" * 2000)).status == 200

    async def test_files_that_come_at_once_share_the_quota(self, hub: Hub, alice: Person):
        async def pieces() -> AsyncGenerator[bytes]:
            for _ in range(10):
                yield b"x" * 200
                await asyncio.sleep(0.01)

        answers = await asyncio.gather(*(send(alice, pieces()) for _ in range(5)))

        assert sorted(answer.status for answer in answers) == [200, 200, 413, 413, 413]
        assert sum(path.stat().st_size for path in kept(hub)) == 4000

    async def test_a_file_that_breaks_off_leaves_nothing(self, hub: Hub, alice: Person):
        async def pieces() -> AsyncGenerator[bytes]:
            yield b"x" * 100
            raise ConnectionAbortedError

        with pytest.raises((aiohttp.ClientError, ConnectionAbortedError)):
            await send(alice, pieces())

        for _ in range(500):
            if not kept(hub) and await _rows(hub) == 0:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("something was left")


async def _rows(hub: Hub) -> int:
    hub_clock, hub.clock = hub.clock, lambda: time.time() + 10**9
    try:
        return await sweep.sweep(hub)
    finally:
        hub.clock = hub_clock


async def test_a_full_disk_is_said_and_leaves_nothing(hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch):
    def no_space(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    answer = await send(alice, b"x" * 1000)
    monkeypatch.undo()

    assert (answer.status, answer.json["code"], kept(hub)) == (507, "file_store_full", [])
    assert (await send(alice, b"x")).status == 200


def test_a_hub_killed_in_the_middle_of_a_file_leaves_nothing_after_a_sweep(tmp_path: Path):
    with running(tmp_path / "data") as hub:
        asyncio.run(_kill_in_the_middle_of_a_file(hub))
        assert [path for path in (hub.data / "files").rglob("*") if path.is_file()]

    async def clean_up() -> int:
        async with open_hub(Settings(data_dir=hub.data), clock=lambda: time.time() + 3700) as reopened:
            return await sweep.sweep(reopened)

    assert asyncio.run(clean_up()) == 1
    assert not [path for path in (hub.data / "files").rglob("*") if path.is_file()]


async def _kill_in_the_middle_of_a_file(hub: HubProcess) -> None:
    address = urlsplit(hub.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {20 * MEBIBYTE}\r\n"
        f"Authorization: Bearer {hub.tokens['masterToken']}\r\n\r\n"
    )
    writer.write(head.encode() + bytes(8 * MEBIBYTE))
    for _ in range(1000):
        if any(path.stat().st_size >= 4 * MEBIBYTE for path in (hub.data / "files").rglob("*") if path.is_file()):
            break
        await asyncio.sleep(0.02)
    await asyncio.to_thread(hub.kill)
    writer.transport.abort()
