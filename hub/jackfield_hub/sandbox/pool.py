"""The workers of this hub: started when they are needed, kept warm, ended when they misbehave or nobody needs them.

    call ──► key ──► a warm worker, or a new one (one start for all who wait) ──► outcome
                       └─ too many deaths lately: refused for a while

A key is (organization that calls, connector, bundle): no two organizations ever share a process. A connector may ask
for a process for each call: then a few wait that have loaded it and run nothing yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from jackfield import runner
from jackfield.errors import ConnectorError, OperationError, TimedOut
from jackfield.exchange import JsonObject
from jackfield.manifest import Isolation, Metadata
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.circuit import Circuit
from jackfield_hub.sandbox.counters import Counters
from jackfield_hub.sandbox.failures import LoadFailed, Overloaded, WorkerLost, WorkerOutcome, WorkerPaused, failed
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.keeper import Keeper
from jackfield_hub.sandbox.launcher import Launcher, ZygoteLost
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.link import SendRequest, WorkerLink
from jackfield_hub.sandbox.orders import Hire
from jackfield_hub.sandbox.patrol import Patrol
from jackfield_hub.sandbox.scratch import Scratch
from jackfield_hub.sandbox.spares import Spares

LONGEST_SWEEP_SECONDS = 15.0
NOT_LOADED = "The connector could not be loaded. Its author finds the reason in its log."


class WorkerKey(NamedTuple):
    """Whose worker it is. `connector` is "name~version", `digest` that of its bundle."""

    organization_id: str
    connector: str
    digest: str


@dataclass(frozen=True)
class Bundle:
    """A built connector: a folder with `source/` (connector.json and the package) and `deps/`."""

    folder: Path
    package: str
    digest: str
    isolation: Isolation = Isolation.ORGANIZATION


class _Hired(NamedTuple):
    link: WorkerLink
    key: WorkerKey | None  # None: a one-off, which nobody else may call


class Pool:
    """All workers. `start` before the first call, `stop` at the end; in between it mends itself."""

    def __init__(
        self, limits: Limits | None = None, rung: Rung | None = None, lowest: Rung = Rung.NO_NAMESPACES
    ) -> None:
        """`rung` None: the highest this host allows, `lowest` at least."""
        self.limits = limits or Limits()
        self.counters = Counters()
        self._keeper = Keeper(rung, lowest, self._bury, self._lose_all)
        self._spares = Spares()
        self._scratch = Scratch()
        self._patrol = Patrol(self.limits, self._keeper, self._scratch, self._link)
        self._hired: dict[int, _Hired] = {}
        self._serving: dict[WorkerKey, WorkerLink] = {}
        self._circuits: dict[WorkerKey, Circuit] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def rung(self) -> Rung | None:
        """How workers are confined; None until they have been started."""
        return self._keeper.rung

    @property
    def rung_reason(self) -> str:
        """Why it is not the highest rung, in the words of the host."""
        return self._keeper.rung_reason

    @property
    def first_pid(self) -> int | None:
        """The process all others come from, None while there is none."""
        return self._keeper.pid

    async def start(self) -> None:
        """Start the zygote. Raises ZygoteLost when it does not rise, in no rung or not in the one asked for."""
        await self._keeper.start()
        if self.rung is not Rung.NAMESPACES:
            self._scratch.open()
        self._keep(self._sweep())
        self._keep(self._patrol.walk())

    async def stop(self) -> None:
        """Take no more calls, give the open ones a while, then end all workers."""
        self._keeper.refuse()
        answers = [answer for hired in self._hired.values() for answer in hired.link.awaited()]
        if answers:
            await asyncio.wait(answers, timeout=self.limits.drain_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keeper.stop()
        self._forget_all("The hub is stopping.")
        self._scratch.close()

    async def call(
        self, key: WorkerKey, bundle: Bundle, call: runner.Call, send: SendRequest, deadline: float
    ) -> WorkerOutcome:
        """Run one operation in the worker of this key and return how it ended.

        `deadline` is a `time.monotonic()`. Whatever the worker does is an outcome. Raises only Overloaded.
        """
        try:
            if bundle.isolation is Isolation.CALL:
                outcome = await self._call_alone(key, bundle, call, send, deadline)
            else:
                link = self._ready(key) or await self._find(key, bundle, deadline)
                outcome = self._forgiven(key, link, await link.call(call, send, deadline))
        except Overloaded:
            self.counters.count_refusal()
            raise
        except LoadFailed as failure:
            self.counters[LoadFailed.__name__] += 1
            outcome = failed(ConnectorError(NOT_LOADED), failure.reason)
        except OperationError as error:
            outcome = failed(error)
        self.counters.count_outcome(outcome, self.limits.log_bytes)
        return outcome

    async def describe(self, bundle: Bundle, metadata: Metadata, deadline: float) -> JsonObject:
        """Return the manifest of a bundle, made by a worker that exists only for that.

        Raises LoadFailed, with what the connector's author has to know, when there is none by the `deadline`.
        """
        link = await self._hire(None, bundle, deadline, describes=True)
        try:
            manifest = frames.check_json_object(await _loaded(link, deadline))
        except TimedOut:
            raise LoadFailed("The connector took too long to import.") from None
        except frames.FrameBroken:
            raise LoadFailed("The connector's manifest is not a JSON object, or nests too deeply.") from None
        finally:
            self._end(link)
        # What the connector's code says about its name is not evidence; connector.json was read outside the worker.
        return {**manifest, "connector": metadata.to_json()}

    async def call_once(
        self, bundle: Bundle, call: runner.Call, send: SendRequest, deadline: float, limits: Limits
    ) -> WorkerOutcome:
        """Run one operation, within these limits, in a worker that exists only for that. Raises only Overloaded."""
        try:
            link = await self._hire(None, bundle, deadline, limits)
        except OperationError as error:
            return failed(error)
        try:
            await _loaded(link, deadline)
            return await link.call(call, send, deadline)
        except LoadFailed as failure:
            return failed(ConnectorError(NOT_LOADED), failure.reason)
        except OperationError as error:
            return failed(error)
        finally:
            self._end(link)

    def dismiss(self, key: WorkerKey) -> None:
        """End the worker of this key: nobody will call it again."""
        link = self._serving.get(key)
        if link is not None:
            self._end(link)

    async def _call_alone(
        self, key: WorkerKey, bundle: Bundle, call: runner.Call, send: SendRequest, deadline: float
    ) -> WorkerOutcome:
        """Run the call in a process that has run nothing else, and end it. Raises like `_find`."""
        with self._spares.running(key):
            link = await self._take_spare(key, bundle, deadline)
            try:
                self._keep(self._fill_up(key, bundle))
                await _loaded(link, deadline)
                return self._forgiven(key, link, await link.call(call, send, deadline))
            finally:
                self._end(link)

    def _forgiven(self, key: WorkerKey, link: WorkerLink, outcome: WorkerOutcome) -> WorkerOutcome:
        if key in self._circuits and not link.was_bad:
            self._circuits[key].succeeded()
        return outcome

    async def _take_spare(self, key: WorkerKey, bundle: Bundle, deadline: float) -> WorkerLink:
        self._check_circuit(key)
        link = self._spares.take(key) or await self._hire(key, bundle, deadline)
        link.is_spoken_for = True
        return link

    async def _fill_up(self, key: WorkerKey, bundle: Bundle) -> None:
        """Have workers in reserve, as long as there is room and the connector does not keep crashing."""
        with suppress(Overloaded, OperationError), self._spares.filling(key) as is_first:
            while is_first and self._spares.is_short(key):
                self._check_circuit(key)
                link = await self._hire(key, bundle, time.monotonic() + self.limits.load_seconds)
                link.is_spoken_for = False
                self._spares.put(key, link)

    def _ready(self, key: WorkerKey) -> WorkerLink | None:
        """Return the worker of this key if it can take a call right now, as nearly always."""
        link = self._serving.get(key)
        return link if link is not None and link.has_room else None

    async def _find(self, key: WorkerKey, bundle: Bundle, deadline: float) -> WorkerLink:
        """Return a loaded worker of this key. Raises LoadFailed, Overloaded, or the error the call ends with."""
        link = self._serving.get(key)
        if link is None or not link.is_usable:
            self._check_circuit(key)
            link = await self._hire(key, bundle, deadline)
        if link.open_calls >= link.limits.calls_at_once:
            raise Overloaded("this connector has too many calls at once")
        if not link.is_loaded:
            await _loaded(link, deadline)
        return link

    def _check_circuit(self, key: WorkerKey) -> None:
        circuit = self._circuits.get(key)
        pause = circuit.pause_left() if circuit else 0
        if pause:
            raise WorkerPaused(
                f"The connector's worker ended too often and is paused: call again in {pause:.0f} seconds."
            )

    def _stands_back(self, key: WorkerKey | None) -> bool:
        """Return whether a new worker lets the others go first until it is calm: it comes for one that just died."""
        circuit = self._circuits.get(key) if key else None
        return circuit is not None and circuit.has_just_died() and self._patrol.may_reorder

    # hiring

    async def _hire(
        self,
        key: WorkerKey | None,
        bundle: Bundle,
        deadline: float,
        limits: Limits | None = None,
        *,
        describes: bool = False,
    ) -> WorkerLink:
        """Return a new worker, which may still be loading; or the one somebody else has just hired."""
        is_shared = key is not None and bundle.isolation is Isolation.ORGANIZATION
        while True:
            launcher = await self._keeper.launcher(deadline)
            link = self._serving.get(key) if key and is_shared else None
            if link is not None and link.is_usable:
                return link
            self._make_room()
            with suppress(ZygoteLost):
                link = self._hire_from(launcher, bundle, limits or self.limits, key, describes=describes)
                if key and is_shared:
                    self._serving[key] = link
                await link.connect()
                return link
            self._keeper.doubt()

    def _hire_from(
        self, launcher: Launcher, bundle: Bundle, limits: Limits, key: WorkerKey | None, *, describes: bool
    ) -> WorkerLink:
        number = next(self._numbers)
        order = Hire(
            worker=number,
            folder=str(bundle.folder),
            scratch=self._scratch.make(number),
            describes=describes,
            max_result_bytes=limits.result_bytes,
            max_log_bytes=limits.log_bytes,
            max_processor_seconds=limits.processor_seconds,
            stands_back=self._stands_back(key),
        )
        link = WorkerLink(number, launcher.hire(order), limits, self._end)
        self.counters["started"] += 1
        self._hired[number] = _Hired(link, key)
        return link

    def _make_room(self) -> None:
        """End the worker that was used longest ago when there are too many. Raises Overloaded when all are busy."""
        living = [hired.link for hired in self._hired.values() if hired.link.is_usable]
        if len(living) < self.limits.max_workers:
            return
        idle = [link for link in living if link.is_loaded and not link.open_calls and not link.is_spoken_for]
        if not idle:
            raise Overloaded("all workers are busy")
        self._end(min(idle, key=lambda link: link.last_used))

    # ending

    def _end(self, link: WorkerLink) -> None:
        """Give no more calls to this worker, and have its process ended."""
        hired = self._hired.get(link.number)
        if hired is None:
            return
        link.is_retired = True
        if hired.key and self._serving.get(hired.key) is link:
            del self._serving[hired.key]
        self._keeper.kill(link.number)
        self._blame(hired)

    def _blame(self, hired: _Hired) -> None:
        """Remember once what a worker did, before anybody asks for the next one."""
        if hired.key and hired.link.was_bad and not hired.link.is_blamed:
            hired.link.is_blamed = True
            self._circuits.setdefault(hired.key, Circuit()).died()

    def _bury(self, number: int, status: int | None) -> None:
        """A worker's process is gone."""
        hired = self._hired.pop(number, None)
        if hired is None:
            return
        self.counters["ended"] += 1
        hired.link.ended(status)
        if self._scratch.is_open:
            self._keep(asyncio.to_thread(self._scratch.remove, number))  # thousands of files, at worst
        if hired.key and self._serving.get(hired.key) is hired.link:
            del self._serving[hired.key]
        self._spares.forget(hired.key, hired.link)
        self._blame(hired)

    def _forget_all(self, reason: str) -> None:
        for hired in list(self._hired.values()):
            hired.link.fail(WorkerLost(reason))
            self._bury(hired.link.number, None)

    def _lose_all(self) -> None:
        self.counters[ZygoteLost.__name__] += 1
        self._forget_all("The process that runs connectors was lost and is being restarted.")

    def _link(self, number: int) -> WorkerLink | None:
        hired = self._hired.get(number)
        return hired.link if hired else None

    async def _sweep(self) -> None:
        """End workers nobody has used for a while, and forget circuits that have calmed down."""
        idle_seconds = self.limits.idle_seconds
        while True:
            await asyncio.sleep(min(idle_seconds / 4, LONGEST_SWEEP_SECONDS))
            now = time.monotonic()
            for link, key in list(self._hired.values()):
                if key and link.is_loaded and not link.open_calls and now - link.last_used > idle_seconds:
                    self._end(link)
            self._circuits = {key: circuit for key, circuit in self._circuits.items() if not circuit.is_calm()}

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _loaded(link: WorkerLink, deadline: float) -> bytes:
    """Return what the worker said when it was ready. Raises LoadFailed, or TimedOut at the deadline."""
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await asyncio.shield(link.loaded)
    except TimeoutError:
        raise TimedOut("The connector was still being imported when the time of the call was over.") from None


__all__ = ["Bundle", "Limits", "LoadFailed", "Overloaded", "Pool", "SendRequest", "WorkerKey", "WorkerOutcome"]
