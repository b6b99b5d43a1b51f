"""Run an operation against the live service, from this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from jackfield.auth import SignIn
from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.options import parse_json
from jackfield.cli.terminal import say
from jackfield.connector import Connector
from jackfield.egress.grant import Grant
from jackfield.egress.local import OWN_NETWORKS, LocalTransport
from jackfield.egress.templates import resolve_template
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject
from jackfield.project import AUTH_FILE
from jackfield.runner import Call, Outcome, Wants, failed
from jackfield.runner import run as run_once
from jackfield.validation import Schema


@dataclass(frozen=True)
class Auth:
    """Whom a connector signs in as: what an auth on a hub holds."""

    user_data: Mapping[str, str] = field(default_factory=dict[str, str])
    credentials: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


def read_auth(file: Path | None, folder: Path) -> Auth:
    """Return what the file says, or the project's own auth.ctx.json, or nobody. Raises CommandFailed."""
    path = file or folder / AUTH_FILE
    if file is None and not path.is_file():
        return Auth()
    try:
        content = parse_json(path.read_bytes())
    except OSError as mistake:
        raise CommandFailed(f"{path} cannot be read: {mistake.strerror}") from None
    except ValueError as mistake:
        raise CommandFailed(f"{path} is not JSON: {mistake}") from None
    return Auth(_part(content, "userData", path), _part(content, "credentials", path))


def _part(content: Any, name: str, path: Path) -> dict[str, Any]:
    part = cast("JsonObject", content).get(name, {}) if isinstance(content, dict) else None
    if not isinstance(part, dict):
        raise CommandFailed(f'{path}: it must be an object, and "{name}" in it too')
    return cast("JsonObject", part)


def run(connector: Connector, operation: str, values: JsonObject, auth: Auth, *, wants_schema: bool) -> Outcome:
    """Run one operation against the live service. Raises CommandFailed when there is no such operation."""
    _check_operation(connector, operation)
    _check_credentials(connector.sign_in, auth)
    try:
        call = Call(
            operation=operation,
            input=values,
            base_url=resolve_template(connector.base_url, auth.user_data),
            user_data=auth.user_data,
            wants=Wants.OUTPUT_SCHEMA if wants_schema else Wants.OUTPUT,
        )
        with LocalTransport(_grant(connector, auth)) as transport:
            return run_once(connector, call, transport)
    except OperationError as error:
        return failed(error)


def _check_operation(connector: Connector, operation: str) -> None:
    if operation not in connector.operations:
        known = ", ".join(connector.operations) or "none"
        raise CommandFailed(f"there is no operation {operation}", f"operations there are: {known}")


def _check_credentials(sign_in: SignIn, auth: Auth) -> None:
    problems = Schema(sign_in.credentials_schema()).problems(dict(auth.credentials))
    if problems:
        names = ", ".join(sign_in.credentials_schema()["required"])
        raise CommandFailed(
            f"the service wants to know who you are: {'; '.join(problems)}",
            f'put "credentials" with {names} into {AUTH_FILE}, which is never packed, or give --auth FILE',
        )


def _grant(connector: Connector, auth: Auth) -> Grant:
    return Grant.to_service(
        connector.base_url,
        hosts=connector.hosts,
        user_data=auth.user_data,
        sign_in=connector.sign_in,
        credentials=auth.credentials,
        addresses=OWN_NETWORKS,
    )


def say_more(outcome: Outcome, seconds: float) -> None:
    """Tell the author what a caller on a hub would not see: how long it took, broken promises, the traceback."""
    for promise in outcome.broken_promises:
        say(f"The output is not what the operation promises: {promise}", fg="yellow")
    if outcome.log:
        say(outcome.log.rstrip())
    say(
        f"{'Success' if outcome.is_success else 'Error'} after {seconds:.1f} s",
        "green" if outcome.is_success else "red",
    )
