"""What is remembered is true: changes are seen once, in whatever order they are stored, or nothing is believed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from jackfield_hub.changes import store as changes
from jackfield_hub.changes.outlook import Outlook, outlook_on
from jackfield_hub.changes.shapes import Change, Kind
from jackfield_hub.changes.watcher import Watcher
from jackfield_hub.clock import SharedClock
from jackfield_hub.database import Database
from jackfield_hub.hub import Hub
from jackfield_hub.identity.known_tokens import KnownTokens
from jackfield_hub.identity.shapes import Caller, CallerKind
from jackfield_hub.known import Known
from jackfield_hub.tables import tokens
from tests.hub.connectors import until
from tests.hub.people import Person

ONE, TWO = Change("o-1", Kind.AUTH, "one"), Change("o-2", Kind.AUTH, "two")


class Listener:
    """Remembers nothing but what it was told."""

    def __init__(self) -> None:
        self.heard: list[Change] = []
        self.forgot_all = 0
        self.good_until = 0.0

    def forget(self, change: Change) -> None:
        self.heard.append(change)

    def forget_all(self) -> None:
        self.forgot_all += 1

    def believe_until(self, moment: float) -> None:
        self.good_until = moment


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Database]:
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres").new_database() if is_postgres else f"sqlite:///{tmp_path / 'core.db'}"
    database = Database(url)
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
async def outlook(database: Database) -> AsyncGenerator[Outlook]:
    outlook = outlook_on(database.url, SharedClock())
    await outlook.open()
    yield outlook
    await outlook.close()


async def store(database: Database, change: Change) -> None:
    async with database.transaction() as tx:
        tx.changed(change.organization_id, change.kind, change.key)


async def test_a_change_is_seen_once(database: Database, outlook: Outlook) -> None:
    await store(database, ONE)
    await outlook.wait()

    assert [await outlook.look(), await outlook.look()] == [[ONE], []]


async def test_a_change_that_was_undone_is_not_seen(database: Database, outlook: Outlook) -> None:
    async def change_in_vain() -> None:
        async with database.transaction() as tx:
            tx.changed("o-1", Kind.CATALOG)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_in_vain()

    assert await outlook.look() == []


async def test_what_was_written_first_and_stored_last_is_seen_too(request: pytest.FixtureRequest) -> None:
    database = Database(request.getfixturevalue("postgres").new_database())
    await database.migrate()
    outlook = outlook_on(database.url, SharedClock())
    await outlook.open()
    is_written, may_store = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with database.transaction() as tx:
            await changes.write_down(tx, [ONE])
            is_written.set()
            await may_store.wait()

    storing = asyncio.create_task(slow())
    await is_written.wait()
    await store(database, TWO)
    first = await outlook.look()
    may_store.set()
    await storing

    assert (first, await outlook.look(), await outlook.look()) == ([TWO], [ONE], [])
    await outlook.close()
    await database.close()


async def test_more_changes_than_one_look_takes_are_all_seen(database: Database) -> None:
    listener = Listener()
    watcher = Watcher(outlook_on(database.url, SharedClock()), listener, database)
    await watcher.start()
    async with database.transaction() as tx:
        for number in range(2500):
            tx.changed("o-1", Kind.AUTH, str(number))

    await until(lambda: len(listener.heard) == 2500)
    await watcher.stop()

    assert [change.key for change in listener.heard] == [str(number) for number in range(2500)]
    assert listener.forgot_all == 1, "at the start, and never again"


async def test_a_watcher_whose_connection_breaks_forgets_all_and_goes_on(request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgres")
    database, listener = Database(server.new_database()), Listener()
    await database.migrate()
    watcher = Watcher(outlook_on(database.url, SharedClock()), listener, database)
    await watcher.start()

    server.tell(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query LIKE '%pg_visible_in_snapshot%' AND pid <> pg_backend_pid()"
    )
    await until(lambda: listener.forgot_all == 2)
    await store(database, ONE)
    await until(lambda: listener.heard == [ONE])

    assert listener.good_until > time.monotonic()
    await watcher.stop()
    assert listener.good_until < time.monotonic(), "nobody watches any more"
    await database.close()


async def test_nothing_is_believed_that_nobody_watches(hub: Hub, alice: Person) -> None:
    assert (await alice.get("/v1/me")).status == 200

    hub.believe_until(0.0)
    async with hub.database.transaction() as tx:  # as if the news of it had never come
        await tx.execute(tokens.update().values(revoked_at=1.0))

    assert (await alice.get("/v1/me")).status == 401


def test_what_takes_too_many_bytes_is_forgotten_the_longest_unused_first() -> None:
    known = Known[str](max_entries=10, max_bytes=100)
    for name in ("a", "b", "c"):
        known.remember(("o", name), name, known.epoch("o"), size=40)

    assert [known.find(("o", name)) for name in ("a", "b", "c")] == [None, "b", "c"]
    known.remember(("o", "huge"), "huge", known.epoch("o"), size=1000)
    assert [known.find(("o", name)) for name in ("b", "c", "huge")] == [None, None, None]
    known.remember(("o", "d"), "d", known.epoch("o"), size=100)
    assert known.find(("o", "d")) == "d"


def test_only_what_has_changed_is_forgotten() -> None:
    known, known_tokens = Known[str](max_entries=10), KnownTokens()
    for key in (("o-1", "a"), ("o-1", "b"), ("o-2", "a")):
        known.remember(key, "x", known.epoch(key[0]))
    for digest, user in ((b"1", "bob"), (b"2", "bob"), (b"3", "eve")):
        known_tokens.remember(
            digest, Caller("o-1", CallerKind.API, user, digest.hex(), frozenset()), None, known_tokens.revision
        )

    known.forget("o-1", "a")
    assert [known.find(key) for key in (("o-1", "a"), ("o-1", "b"), ("o-2", "a"))] == [None, "x", "x"]
    known.forget("o-1")
    assert [known.find(key) for key in (("o-1", "b"), ("o-2", "a"))] == [None, "x"]
    known_tokens.forget_user("bob")
    assert [known_tokens.find(digest) is None for digest in (b"1", b"2", b"3")] == [True, True, False]


async def test_hundreds_who_miss_the_same_in_one_moment_share_one_look() -> None:
    known, shelf = Known[str](max_entries=10), Shelf()

    found = await asyncio.gather(*(known.look(("o-1", "acme"), shelf.read) for _ in range(300)))

    assert set(found) == {"as read by 1"}


async def test_whoever_asks_after_a_change_does_not_hear_what_was_read_before_it() -> None:
    known, shelf = Known[str](max_entries=10), Shelf()

    before = asyncio.create_task(known.look(("o-1", "acme"), shelf.read))
    await until(lambda: shelf.readers == 1)
    known.forget("o-1")
    after = await known.look(("o-1", "acme"), shelf.read)

    assert (await before, after) == ("as read by 1", "as read by 2")


async def test_nobody_shares_a_look_while_nobody_looks_for_changes() -> None:
    known, shelf = Known[str](max_entries=10), Shelf()
    known.good_until = 0.0

    found = await asyncio.gather(*(known.look(("o-1", "acme"), shelf.read) for _ in range(3)))

    assert len(set(found)) == 3


async def test_a_token_that_is_over_for_all_its_calls_at_once_is_looked_up_once(hub: Hub, alice: Person) -> None:
    await alice.get("/v1/me")
    hub.known_tokens.forget_all()

    with statements() as seen:
        answers = await asyncio.gather(*(alice.get("/v1/me") for _ in range(50)))

    assert {answer.status for answer in answers} == {200}
    assert len([statement for statement in seen if "FROM tokens" in statement]) == 1


@contextmanager
def statements() -> Generator[list[str]]:
    """Give what is asked of databases while the block runs."""
    seen: list[str] = []

    def note(*about: Any) -> None:
        seen.append(about[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


class Shelf:
    """Where something is read, which takes a moment. Every reader finds another text."""

    def __init__(self) -> None:
        self.readers = 0

    async def read(self) -> str:
        self.readers += 1
        found = f"as read by {self.readers}"
        await asyncio.sleep(0.01)
        return found
