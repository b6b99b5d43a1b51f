"""Run one operation once. The command, the tests and the hub's workers all come through here."""

from __future__ import annotations

import asyncio
import errno
import inspect
import traceback
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import orjson

from jackfield.connector import CHOICES_SCHEMA, Connector, Operation, Role, UserData
from jackfield.egress.templates import filled_headers
from jackfield.errors import ConnectorError, InvalidInput, OperationError, OutOfMemory, OutOfScratch
from jackfield.exchange import AsyncTransport, JsonObject, Transport, awaitable
from jackfield.http import AsyncHttp, Http
from jackfield.manifest import OperationKind
from jackfield.shapes import input_schema, output_schema, read_input
from jackfield.storage import AsyncStorage, Storage
from jackfield.validation import Schema, problem_text

_CHOICES = Schema(CHOICES_SCHEMA)
_is_coroutine = cache(inspect.iscoroutinefunction)
NO_MEMORY = "The operation needs more memory than a connector may have: work on less at once."
NO_SCRATCH = "The operation writes larger files than a connector may, or more of them."
_DISK_FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
UNEXPECTED = "The connector failed unexpectedly. Its author finds the reason in the connector's log."


Weigh = Callable[[JsonObject | bytes], None]


class Wants(StrEnum):
    """What a caller asks of an operation."""

    OUTPUT = "output"  #: run it
    OUTPUT_SCHEMA = "output_schema"  #: say which output this input would give, for operations that decide at run time


class Call(NamedTuple):
    """One call: which operation, with what. `is_checked` says that the input fits its schema already."""

    operation: str
    input: JsonObject
    base_url: str = ""
    user_data: Mapping[str, str] = MappingProxyType({})
    wants: Wants = Wants.OUTPUT
    is_checked: bool = False


class Outcome(NamedTuple):
    """How a call ended. `body` is the output as JSON text.

    `log` is for the connector's author only: it may hold what a caller must not see. `broken_promises` are texts that
    say where the output does not fit the operation's output schema; such an output is delivered all the same.
    """

    is_success: bool
    body: bytes
    log: str = ""
    broken_promises: tuple[str, ...] = ()

    @property
    def output(self) -> JsonObject:
        return orjson.loads(self.body)

    def to_json(self) -> JsonObject:
        """Return the answer of the public API: `{"outcome": "success", "output": {…}}`."""
        return {"outcome": "success" if self.is_success else "error", "output": self.output}


def run(connector: Connector, call: Call, transport: Transport, weigh: Weigh | None = None) -> Outcome:
    """Return what the operation answered. Never raises for anything the operation does; errors are outcomes.

    `weigh` may refuse an output by raising an OperationError: it is called before the output is written as JSON, and
    with the JSON text before that is looked into. An operation that is `async def` gets an event loop of its own.
    """
    if is_async(connector, call):
        return _on_a_loop(run_async(connector, call, awaitable(transport), weigh))
    try:
        operation = _find(connector, call.operation)
        http = Http(transport, call.base_url, filled_headers(connector.headers, call.user_data))
        return _outcome(operation, call, _ask(operation, call, http, Storage(transport)), weigh)
    except (Exception, SystemExit) as error:
        return _failure(error)


async def run_async(connector: Connector, call: Call, transport: AsyncTransport, weigh: Weigh | None = None) -> Outcome:
    """Return what an operation that is `async def` answered, as `run` does, on the loop of whoever awaits it."""
    try:
        operation = _find(connector, call.operation)
        http = AsyncHttp(transport, call.base_url, filled_headers(connector.headers, call.user_data))
        return _outcome(operation, call, await _ask(operation, call, http, AsyncStorage(transport)), weigh)
    except (Exception, SystemExit) as error:
        return _failure(error)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _failure(error)  # the handler has raised it by itself


def is_async(connector: Connector, call: Call) -> bool:
    """Return whether what this call asks for is `async def`."""
    operation = connector.operations.get(call.operation)
    if operation is None:
        return False
    return _is_coroutine(operation.handler if call.wants is Wants.OUTPUT else operation.output_schema_handler)


def _on_a_loop(running: Coroutine[Any, Any, Outcome]) -> Outcome:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(running)
    # Whoever tests an operation from an `async def` test has a loop here already, and a thread has one at a time.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, running).result()


def _failure(error: BaseException) -> Outcome:
    """Return the outcome that any exception is which an operation can raise."""
    if isinstance(error, OperationError):
        return failed(error)
    log = "".join(traceback.format_exception(error, limit=-20))
    if isinstance(error, MemoryError):
        return failed(OutOfMemory(NO_MEMORY), log)
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return failed(OutOfScratch(NO_SCRATCH), log)
    return failed(ConnectorError(UNEXPECTED), log)


def failed(error: OperationError, log: str = "") -> Outcome:
    """Return the outcome that an error is."""
    cause = "".join(traceback.format_exception(error, limit=-20)) if isinstance(error, ConnectorError) else ""
    return Outcome(is_success=False, body=orjson.dumps(error.to_output(), default=str), log=log or cause)


def _find(connector: Connector, name: str) -> Operation:
    operation = connector.operations.get(name)
    if operation is None:
        known = ", ".join(sorted(connector.operations)) or "no operations"
        raise InvalidInput(f"The connector operation {name} was not found; there are {known}.")
    return operation


def _ask(operation: Operation, call: Call, http: Http | AsyncHttp, storage: Storage | AsyncStorage) -> Any:
    """Return what the handler returns: its output, or what has to be awaited for it."""
    arguments = {Role.HTTP: http, Role.STORAGE: storage, **_arguments(operation, call)}
    if call.wants is Wants.OUTPUT:
        return operation.handler(*[arguments[role] for role in operation.roles])
    if operation.output_schema_handler is None:
        return operation.manifest().output_schema
    return operation.output_schema_handler(*[arguments[role] for role in operation.output_schema_roles])


def _outcome(operation: Operation, call: Call, answered: Any, weigh: Weigh | None) -> Outcome:
    if call.wants is Wants.OUTPUT_SCHEMA:
        return Outcome(is_success=True, body=_to_json({"output_schema": answered}))
    output = _shaped(operation, answered)
    if weigh is not None:
        weigh(output)
    body = _to_json(output)
    if weigh is not None:
        weigh(body)
    return Outcome(is_success=True, body=body, broken_promises=_broken_promises(operation, body))


def _arguments(operation: Operation, call: Call) -> dict[Role, Any]:
    if not call.is_checked:
        problems = _input_check(operation.input_shape).problems(call.input)
        if problems:
            raise InvalidInput(problem_text(problems))
    shape: Any = operation.input_shape
    given = read_input(shape, call.input) if shape is not None else None
    return {Role.INPUT: given, Role.USER_DATA: UserData(call.user_data)}


def _shaped(operation: Operation, output: Any) -> JsonObject:
    """Return the output as the object the public API wants; a drop-down's list goes under `result`."""
    if operation.kind is OperationKind.DDL:
        return {"result": output}
    if output is None:
        return {}
    if not isinstance(output, dict):
        raise ConnectorError(f"{operation.name} must return an object, not {type(output).__name__}: use a TypedDict")
    return cast("JsonObject", output)


def _to_json(output: JsonObject) -> bytes:
    try:
        return orjson.dumps(output)
    except (TypeError, ValueError) as mistake:
        raise ConnectorError(f"The output cannot be written as JSON: {mistake}") from None


def _broken_promises(operation: Operation, body: bytes) -> tuple[str, ...]:
    promise = _CHOICES if operation.kind is OperationKind.DDL else _output_check(operation.output_shape)
    output = orjson.loads(body)
    return () if promise.is_valid(output) else tuple(promise.problems(output))


@cache
def _input_check(shape: type | None) -> Schema:
    return Schema(input_schema(shape))


@cache
def _output_check(shape: Any) -> Schema:
    return Schema(output_schema(shape))
