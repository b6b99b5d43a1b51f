"""Running an operation: found, checked, granted what it may reach, run in a worker, recorded, answered.

What is wrong with a request is refused before anything runs. From then on there is an ending, and one row in the ledger
for it, whatever happens.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import orjson

from jackfield.egress.templates import filled_headers, resolve_template
from jackfield.errors import InvalidInput, OperationError, PlatformError
from jackfield.exchange import JsonObject
from jackfield.manifest import OperationManifest
from jackfield.runner import Call, Wants
from jackfield.validation import Schema, problem_text
from jackfield_hub import errors
from jackfield_hub.auths import service as auths
from jackfield_hub.auths.shapes import OpenedAuth, SealedAuth
from jackfield_hub.calls.authors_log import ENTRIES_A_CONNECTOR, MAX_CHARACTERS, LogEntry
from jackfield_hub.calls.body import AskedCall
from jackfield_hub.calls.errands import Errands
from jackfield_hub.calls.kept_answers import opened, safe_for
from jackfield_hub.calls.large_input import LARGE_BYTES, problems_of
from jackfield_hub.calls.ledger.service import new_task_id
from jackfield_hub.calls.places import Place
from jackfield_hub.calls.raw_http import is_raw_http, run_raw_http
from jackfield_hub.calls.shapes import (
    AuthorsLogAnswer,
    AuthorsLogElement,
    KeptCall,
    PromiseState,
    Task,
    TaskOutcome,
    Usage,
)
from jackfield_hub.catalog import service as catalog
from jackfield_hub.catalog.shapes import ConnectorVersion
from jackfield_hub.deployments.bundles import BundleChanged
from jackfield_hub.errors import Refused, Unavailable
from jackfield_hub.files.given import GivenFile, find_given
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency.shapes import IdempotencyInProgress, IdempotencyKeyReused, Promise
from jackfield_hub.identity.shapes import Caller, Right
from jackfield_hub.logs import describe, log, tell
from jackfield_hub.sandbox.failures import Overloaded
from jackfield_hub.sandbox.pool import Bundle, WorkerKey
from jackfield_hub.traces.shapes import AboutCall

if TYPE_CHECKING:
    from jackfield_hub.traces.spans import Traces

MAX_CODE_CHARACTERS = 100


class OutcomeUnknown(PlatformError):
    """The first call with this Idempotency-Key was cut short, and was not repeated: it may have been carried out."""

    code = "#outcome_unknown"


class Address(NamedTuple):
    """Which connector version is called."""

    name: str
    version: str


class ReadyCall(NamedTuple):
    """A call that may be run: everything it names was found, and its input fits."""

    caller: Caller
    request_id: str
    connector: ConnectorVersion
    operation: OperationManifest
    input: JsonObject
    auth: SealedAuth | None
    wants_output_schema: bool
    files: Mapping[str, GivenFile]  #: that the input refers to, by their URLs
    secrets: list[str]  #: it was signed in with; known only where payloads are kept


class Ending(NamedTuple):
    """How a call ended. `output` is JSON text."""

    outcome: TaskOutcome
    output: bytes
    error_code: str | None = None


def check_takes_calls(hub: Hub) -> None:
    """Raises Unavailable when the hub stops."""
    if hub.is_draining:
        raise Unavailable("The hub is stopping; call again in a moment", retry_after_seconds=5)


def place_for_a_call(hub: Hub, caller: Caller) -> Place:
    """Hold one of the hub's places for calls while the block runs. Raises Unavailable when none gets free in time."""
    check_takes_calls(hub)
    return hub.places.place(caller.organization_id)


async def call(
    hub: Hub, caller: Caller, called: Address, asked: AskedCall, request_id: str, *, promise: Promise | None = None
) -> Ending:
    """Run an operation and return how it ended, which is in the ledger by then.

    With a promise it is run once, however often it is asked for. Raises NotRecorded when something was run, any other
    Refused when nothing was.
    """
    caller.require(Right.CALL)
    if promise is not None:
        kept = await hub.ledger.find_kept(promise, hub.clock())
        if kept is not None and kept.state is not PromiseState.UNKNOWN:
            return await _again(hub, promise, kept)
    ready = await _prepare(hub, caller, called, asked, request_id)
    task, began, safe = _new_task(ready, hub.clock()), time.perf_counter(), None
    if promise is not None:
        safe = await safe_for(hub, promise)
        kept = await hub.ledger.claim(promise, task, may_redo=ready.operation.is_idempotent)
        if kept is not None:
            return await _again(hub, promise, kept)
    noted = hub.ledger.begin(task) if promise is None else None
    try:
        ending = await (_run(hub, ready) if hub.traces is None else _run_seen(hub, hub.traces, ready))
    except Refused:  # no room for it, or an auth nobody can open: nothing was run
        hub.ledger.end(noted)
        if promise is not None:
            await hub.ledger.release(promise, task.task_id)
        raise
    except BaseException:
        # Stopped in the middle. Nobody waits for the answer any more, but the third party may have acted.
        task.end(TaskOutcome.UNKNOWN, None, time.perf_counter() - began)
        hub.ledger.enter(task, promise, noted=noted)
        hub.numbers.count_call(called.name, task.outcome, None, task.milliseconds)
        raise
    task.end(ending.outcome, ending.error_code, time.perf_counter() - began)
    await hub.ledger.record(task, promise, safe.seal(ending.output) if safe else b"", noted)
    if hub.payloads is not None:
        hub.payloads.keep(task, ready.input, ending.output, ready.secrets)
    hub.numbers.count_call(task.connector, task.outcome, task.error_code, task.milliseconds)
    _say(task)
    return ending


async def _again(hub: Hub, promise: Promise, kept: KeptCall) -> Ending:
    """Return how a call ended that was asked for before.

    Raises IdempotencyKeyReused, IdempotencyInProgress, MasterKeyAway.
    """
    if kept.body_hash != promise.body_hash:
        raise IdempotencyKeyReused
    if kept.state is PromiseState.RUNNING:
        raise IdempotencyInProgress
    kept = await opened(hub, promise, kept)
    promise.is_replay = True
    if kept.state is PromiseState.UNKNOWN:
        return Ending(TaskOutcome.ERROR, orjson.dumps(_OUTCOME_UNKNOWN.to_output()), _OUTCOME_UNKNOWN.code)
    return Ending(kept.outcome, kept.output)


_OUTCOME_UNKNOWN = OutcomeUnknown(
    "The hub was stopped while this call ran. Whether the third party has acted is not known, so the call "
    "was not repeated: look there, and call with a new Idempotency-Key if need be."
)


async def count_usage(hub: Hub, caller: Caller) -> Usage:
    """Return what the caller's organization has used."""
    return Usage(tasks=await hub.ledger.count(caller.organization_id))


async def _prepare(hub: Hub, caller: Caller, called: Address, asked: AskedCall, request_id: str) -> ReadyCall:
    connector = await catalog.find_version(hub, caller, called.name, called.version)
    operation = catalog.find_operation(connector, asked.operation)
    schema = connector.input_schema(operation.name)
    if asked.size > LARGE_BYTES or not schema.is_valid(asked.input):
        await _check_input(hub, caller, schema, asked)
    takes_files = asked.may_name_files and connector.takes_files(operation.name)
    given = await find_given(hub, caller.organization_id, asked.input) if takes_files else {}
    auth = await auths.find_for_call(hub, caller, asked.auth_id, connector.service) if asked.auth_id else None
    hub.ledger.admit()
    return ReadyCall(caller, request_id, connector, operation, asked.input, auth, asked.wants_output_schema, given, [])


async def _check_input(hub: Hub, caller: Caller, schema: Schema, asked: AskedCall) -> None:
    """Look closely. Raises InvalidInput that says where the input does not fit."""
    if asked.size > LARGE_BYTES:
        problems = await problems_of(hub, caller.organization_id, schema.source, asked.input)
    else:
        problems = schema.problems(asked.input)
    if problems:
        raise errors.InvalidInput(problem_text(problems))


async def _run_seen(hub: Hub, traces: Traces, ready: ReadyCall) -> Ending:
    """Run it inside a span."""
    metadata = ready.connector.manifest.metadata
    about = AboutCall(
        ready.caller.organization_id, metadata.name, metadata.version, ready.operation.name, ready.request_id
    )
    with traces.call(about) as span:
        ending = await _run(hub, ready)
        span.ended(ending.outcome, hub.numbers.known_code(ending.error_code))
        return ending


async def _run(hub: Hub, ready: ReadyCall) -> Ending:
    if ready.wants_output_schema and not ready.operation.has_dynamic_output:
        return Ending(TaskOutcome.SUCCESS, orjson.dumps({"output_schema": ready.operation.output_schema}))
    deadline = time.monotonic() + hub.settings.call_seconds
    is_raw = is_raw_http(ready.connector.manifest.metadata, ready.operation.name)
    run = _run_raw_http if is_raw else _run_in_worker
    try:
        return await run(hub, ready, await _open_auth(hub, ready, deadline), deadline)
    except OperationError as error:
        return Ending(TaskOutcome.ERROR, orjson.dumps(error.to_output()), error.code)


async def _open_auth(hub: Hub, ready: ReadyCall, deadline: float) -> OpenedAuth | None:
    """Return the auth with its secrets, renewed if its token is over.

    Raises the kit's InvalidInput when the service needs an auth and there is none. That is an outcome, not a refusal:
    a form that asks for a drop-down's choices before an auth is chosen goes on.
    """
    if ready.auth is not None:
        return await auths.open_for_call(hub, ready.auth, ready.connector.service, deadline)
    if not ready.connector.service.needs_auth:
        return None
    raise InvalidInput(
        f"{ready.connector.manifest.metadata.title} needs an authentication. Store one with "
        "POST /core/v1/authentications and call again with its id as authId."
    )


def _base_url(ready: ReadyCall, auth: OpenedAuth | None) -> str:
    own = auth.sealed.environment.base_url if auth else ""
    return resolve_template(own or ready.connector.manifest.base_url, auth.user_data if auth else {})


def _errands(hub: Hub, ready: ReadyCall, auth: OpenedAuth | None, deadline: float) -> Errands:
    return Errands(hub, ready.caller, ready.connector, auth, deadline, files=ready.files, secrets=ready.secrets)


async def _run_raw_http(hub: Hub, ready: ReadyCall, auth: OpenedAuth | None, deadline: float) -> Ending:
    errands = _errands(hub, ready, auth, deadline)
    headers = filled_headers(ready.connector.manifest.headers, auth.user_data if auth else {})
    output = await run_raw_http(ready.input, _base_url(ready, auth), headers, errands, hub.settings.max_result_bytes)
    return Ending(TaskOutcome.SUCCESS, output)


async def _run_in_worker(hub: Hub, ready: ReadyCall, auth: OpenedAuth | None, deadline: float) -> Ending:
    wanted = Call(
        operation=ready.operation.name,
        input=ready.input,
        base_url=_base_url(ready, auth),
        user_data=auth.user_data if auth else {},
        wants=Wants.OUTPUT_SCHEMA if ready.wants_output_schema else Wants.OUTPUT,
        is_checked=True,
    )
    send = _errands(hub, ready, auth, deadline).send
    key, bundle = await _worker(hub, ready)
    try:
        done = await hub.workers.call(key, bundle, wanted, send, deadline)
    except Overloaded:
        raise Unavailable("The hub is busy and nothing was run. Call again in a second.") from None
    outcome = TaskOutcome.SUCCESS if done.is_success else TaskOutcome.ERROR
    if done.log:
        _tell_author(hub, ready, outcome, done.log)
    return Ending(outcome, done.output, None if done.is_success else _error_code(done.output))


def _tell_author(hub: Hub, ready: ReadyCall, outcome: TaskOutcome, text: str) -> None:
    metadata = ready.connector.manifest.metadata
    entry = LogEntry(hub.clock(), ready.request_id, ready.operation.name, outcome, text[-MAX_CHARACTERS:])
    hub.authors_log.write((ready.caller.organization_id, metadata.name, metadata.version), entry)


async def read_authors_log(hub: Hub, caller: Caller, called: Address) -> AuthorsLogAnswer:
    """Return what the latest calls left for the connector's author. Raises Forbidden, NotFound."""
    caller.require(Right.DEPLOY)
    await catalog.find_version(hub, caller, called.name, called.version)
    key = (caller.organization_id, called.name, called.version)
    kept = await hub.kept_logs.read(key) if hub.kept_logs else []
    entries = {entry.entry_id: entry for entry in [*kept, *hub.authors_log.read(key)]}  # many are in both
    newest = sorted(entries.values(), key=lambda entry: (entry.at, entry.entry_id), reverse=True)
    return AuthorsLogAnswer(elements=[AuthorsLogElement.of(entry) for entry in newest[:ENTRIES_A_CONNECTOR]])


async def _worker(hub: Hub, ready: ReadyCall) -> tuple[WorkerKey, Bundle]:
    """Which worker runs this: one of the organization that calls, whoever deployed the connector.

    Raises Unavailable when the connector's files are not what was built: then nothing of them is run.
    """
    metadata, digest = ready.connector.manifest.metadata, ready.connector.bundle_digest
    key = WorkerKey(ready.caller.organization_id, f"{metadata.name}~{metadata.version}", digest)
    try:
        folder = await hub.bundles.unchanged(digest)
        return key, Bundle(folder, metadata.name.replace("-", "_"), digest, metadata.isolation)
    except (BundleChanged, OSError) as failure:
        log.error("bundle_damaged", connector=key.connector, digest=digest, **describe(failure))
        raise Unavailable("The stored connector is damaged, and nothing was run. Deploy it again.") from None


def _error_code(output: bytes) -> str | None:
    # The connector's process wrote this: it may be anything.
    code = orjson.loads(output).get("code")
    return code[:MAX_CODE_CHARACTERS].replace("\0", "") if isinstance(code, str) else None  # Postgres takes no NUL


def _new_task(ready: ReadyCall, started_at: float) -> Task:
    metadata = ready.connector.manifest.metadata
    return Task(
        task_id=new_task_id(),
        organization_id=ready.caller.organization_id,
        connector=metadata.name,
        version=metadata.version,
        operation=ready.operation.name,
        auth_id=ready.auth.auth_id if ready.auth else None,
        caller_kind=ready.caller.kind,
        user_id=ready.caller.user_id,
        outcome=TaskOutcome.UNKNOWN,
        error_code=None,
        started_at=started_at,
        milliseconds=0.0,
        request_id=ready.request_id,
    )


def _say(task: Task) -> None:
    tell(
        "call",
        task_id=task.task_id,
        request_id=task.request_id,
        organization_id=task.organization_id,
        connector=task.connector,
        version=task.version,
        operation=task.operation,
        outcome=task.outcome,
        code=task.error_code,
        milliseconds=round(task.milliseconds, 1),
    )
