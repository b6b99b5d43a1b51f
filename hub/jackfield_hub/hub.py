"""One hub: its parts, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jackfield.egress.engine import Engine
from jackfield.egress.policy import AddressPolicy
from jackfield_hub.auths.couriers import Couriers
from jackfield_hub.auths.sealing import open_vault
from jackfield_hub.auths.shapes import SealedAuth
from jackfield_hub.auths.vault import SealedKey, Vault
from jackfield_hub.body_budget import BodyBudget
from jackfield_hub.calls.authors_log import AuthorsLog
from jackfield_hub.calls.history.payloads import Payloads
from jackfield_hub.calls.kept_logs import KeptLogs
from jackfield_hub.calls.ledger.opening import open_ledger
from jackfield_hub.calls.ledger.service import Ledger
from jackfield_hub.calls.places import Places
from jackfield_hub.catalog.shapes import ConnectorVersion, Listing
from jackfield_hub.changes.outlook import outlook_on
from jackfield_hub.changes.shapes import Change, Kind
from jackfield_hub.changes.watcher import Watcher
from jackfield_hub.clock import SharedClock
from jackfield_hub.contents.service import Contents
from jackfield_hub.data_folder import own
from jackfield_hub.database import Database
from jackfield_hub.deployments.bundles import Bundles
from jackfield_hub.deployments.sources import Sources
from jackfield_hub.files.depot import Depot
from jackfield_hub.files.opening import open_depot
from jackfield_hub.flights import Flights
from jackfield_hub.identity.known_tokens import KnownTokens
from jackfield_hub.jobs.service import Jobs
from jackfield_hub.known import Known
from jackfield_hub.limits import RequestLimits, SignInLimits
from jackfield_hub.metrics.numbers import Numbers
from jackfield_hub.metrics.siblings import Siblings
from jackfield_hub.sandbox.confinement import Confinement, NotConfined, confine
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Pool
from jackfield_hub.settings import MEBIBYTE, Settings
from jackfield_hub.storage.lanes import Lanes
from jackfield_hub.traces.opening import open_traces
from jackfield_hub.way_out import open_egress

if TYPE_CHECKING:
    from jackfield_hub.traces.spans import Traces

Clock = Callable[[], float]  # seconds since 1970, UTC


@dataclass
class Hub:
    """What a room needs to do its work. Services take it first."""

    settings: Settings
    database: Database
    jobs: Jobs
    clock: Clock
    vault: Vault
    ledger: Ledger
    sources: Sources
    bundles: Bundles
    egress: Engine
    addresses: AddressPolicy  #: where requests to third parties may go, besides what an organization's terms allow
    workers: Pool
    confinement: Confinement
    limits: RequestLimits
    places: Places
    bodies: BodyBudget
    couriers: Couriers
    depot: Depot
    contents: Contents | None = None  #: None: this hub shares its database with nobody on another machine
    sign_ins: SignInLimits = field(default_factory=SignInLimits)
    authors_log: AuthorsLog = field(default_factory=AuthorsLog)
    known_tokens: KnownTokens = field(default_factory=KnownTokens)
    known_connectors: Known[ConnectorVersion] = field(default_factory=lambda: Known(2_000, 64 * MEBIBYTE))
    known_lists: Known[Listing] = field(default_factory=lambda: Known(2_000, 64 * MEBIBYTE))
    known_auths: Known[SealedAuth] = field(default_factory=lambda: Known(50_000, 64 * MEBIBYTE))
    known_data_keys: Known[SealedKey] = field(default_factory=lambda: Known(2_000))
    renewals: Flights[SealedAuth] = field(default_factory=Flights[SealedAuth])
    counting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))  #: of many rows at once
    kept_logs: KeptLogs | None = None  #: None: what authors read is in memory only
    storage_lanes: Lanes = field(default_factory=Lanes)
    payloads: Payloads | None = None  #: None: what goes in and comes out is not kept
    numbers: Numbers = field(default_factory=Numbers)
    siblings: Siblings = field(default_factory=Siblings)
    traces: Traces | None = None  #: None: nobody wants to see spans
    address: str = ""  #: where a client on this machine finds us, once we listen
    process: str = ""  #: which of several processes this is, for example "api 2"; empty for the only one
    is_leaving: bool = False  #: we shall stop soon, and say so to whoever asks
    is_draining: bool = False  #: no new work: we are about to stop

    @property
    def origin(self) -> str:
        """How the links we make begin, where nobody is there who says how they found us."""
        return self.settings.public_url or self.address

    @property
    def running_calls(self) -> int:
        return self.places.running

    def forget(self, change: Change) -> None:
        """Somebody has changed this, here or in another process: look again."""
        organization_id, key = change.organization_id, change.key
        match change.kind:
            case Kind.TOKEN:
                self.known_tokens.forget(bytes.fromhex(key))
            case Kind.USER:
                self.known_tokens.forget_user(key)
            case Kind.CATALOG:
                self.known_connectors.forget(organization_id)
                self.known_lists.forget(organization_id)
            case Kind.SERVICES:  # also after a rotation; a connector is remembered with its service, an auth, too
                self.known_connectors.forget(organization_id)
                self.known_auths.forget(organization_id)
                self.known_data_keys.forget(organization_id)
            case Kind.AUTH:
                self.known_auths.forget(organization_id, key)

    def forget_all(self) -> None:
        """Anything may have changed: look again, whatever it is."""
        for known in self._all_known():
            known.forget_all()

    def believe_until(self, moment: float) -> None:
        """Until then, a moment of `time.monotonic()`, what is remembered is what is stored."""
        for known in self._all_known():
            known.good_until = moment

    def _all_known(self) -> tuple[KnownTokens | Known[Any], ...]:
        rest = (self.known_lists, self.known_auths, self.known_data_keys)
        return self.known_tokens, self.known_connectors, *rest


@asynccontextmanager
async def open_hub(settings: Settings, clock: Clock | None = None, process: str = "") -> AsyncGenerator[Hub]:
    """Give a running hub with its tables in place; when the block ends, stop its parts in the opposite order.

    With `process`, the name of one of several, the data folder is owned by whoever started them. The clock is this
    machine's, or the database's where hubs on several machines may share it, if it is not said.
    """
    async with AsyncExitStack() as closing:
        if not process:
            closing.enter_context(own(settings.data_dir))
        workers = _workers(settings)
        closing.push_async_callback(workers.stop)
        # Workers rise, and are attacked, while the rest gets ready. Nobody is served before both are done.
        confining = asyncio.create_task(confine(workers, is_trusting=settings.trust_all_connectors))
        closing.push_async_callback(_give_up, confining)
        database = Database(settings.database_url)
        closing.push_async_callback(database.close)
        shared_clock = SharedClock()
        clock = clock or (time.time if database.is_sqlite else shared_clock)
        await database.migrate()
        vault = await open_vault(settings, database)
        ledger = await open_ledger(settings, database, process)
        closing.push_async_callback(ledger.close)
        payloads = None
        if settings.payloads_kept_hours:
            payloads = Payloads(settings, database, vault, clock)
            closing.push_async_callback(payloads.close)
        authors_log, kept_logs = AuthorsLog(), None
        if settings.authors_log_kept_hours:
            kept_logs = KeptLogs(settings, database, vault, clock)
            closing.push_async_callback(kept_logs.close)
            authors_log.keep = kept_logs.keep
        numbers, traces = Numbers(settings.metrics_connectors), open_traces(settings)
        if traces is not None:
            closing.push_async_callback(traces.close)
        egress = open_egress(settings, numbers, traces)
        closing.push_async_callback(egress.close)
        confinement = await confining
        jobs = Jobs(database)
        closing.push_async_callback(jobs.stop)
        jobs.start()
        renewals = Flights[SealedAuth]()
        closing.push_async_callback(renewals.end, settings.drain_seconds)
        couriers = Couriers(settings)
        closing.push_async_callback(couriers.end, settings.drain_seconds)
        contents = None if database.is_sqlite else Contents(database)
        hub = Hub(
            settings=settings,
            database=database,
            jobs=jobs,
            clock=clock,
            vault=vault,
            ledger=ledger,
            sources=Sources(settings.data_dir / "sources", contents),
            bundles=Bundles(settings.data_dir / "bundles", contents),
            contents=contents,
            egress=egress,
            addresses=AddressPolicy(settings.allowed_networks),
            workers=workers,
            confinement=confinement,
            limits=RequestLimits(settings),
            places=Places(settings.max_calls_at_once, settings.queue_seconds),
            bodies=BodyBudget(settings.max_bytes_at_once),
            process=process,
            couriers=couriers,
            depot=open_depot(settings),
            renewals=renewals,
            numbers=numbers,
            traces=traces,
            payloads=payloads,
            authors_log=authors_log,
            kept_logs=kept_logs,
        )
        database.tell = hub.forget
        watcher = Watcher(outlook_on(settings.database_url, shared_clock), hub, database)
        closing.push_async_callback(watcher.stop)
        await watcher.start()
        yield hub


def _workers(settings: Settings) -> Pool:
    limits = Limits(
        result_bytes=settings.max_result_bytes,
        drain_seconds=settings.drain_seconds,
        calls_at_once=settings.max_calls_at_once,
    )
    return Pool(limits, lowest=Rung.NO_JAIL if settings.trust_all_connectors else Rung.NO_NAMESPACES)


async def _give_up(confining: asyncio.Task[Confinement]) -> None:
    confining.cancel()
    with suppress(asyncio.CancelledError, NotConfined):
        await confining
