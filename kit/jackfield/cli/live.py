"""Run an operation against the live service, from this machine."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

from jackfield.auth_file import LocalAuth
from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.terminal import say
from jackfield.connector import Connector
from jackfield.egress.local import LocalTransport
from jackfield.egress.templates import resolve_template
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject
from jackfield.local_files import LocalFiles
from jackfield.local_storage import LocalStorage, WithStorage
from jackfield.project import ProjectMistake
from jackfield.runner import Call, Outcome, Wants, failed
from jackfield.runner import run as run_once


def run(connector: Connector, operation: str, values: JsonObject, auth_file: Path, *, wants: Wants) -> Outcome:
    """Run one operation as whom the auth file says. Raises CommandFailed when that cannot even be tried."""
    if operation not in connector.operations:
        known = ", ".join(connector.operations) or "none"
        raise CommandFailed(f"there is no operation {operation}", f"operations there are: {known}")
    try:
        auth = LocalAuth.read(auth_file)
        call = Call(
            operation=operation,
            input=values,
            base_url=resolve_template(connector.base_url, auth.user_data),
            user_data=auth.user_data,
            wants=wants,
        )
        # What the author's code prints is talk: it may not get into the JSON on stdout.
        files = LocalFiles(auth_file.parent / "dist" / "files")
        storage = LocalStorage(auth_file.parent / "dist" / "storage.json")
        with LocalTransport(auth.grant(connector), files=files) as transport, redirect_stdout(sys.stderr):
            return run_once(connector, call, WithStorage(transport, storage))
    except ProjectMistake as mistake:
        raise CommandFailed(str(mistake)) from None
    except OperationError as error:
        return failed(error)


def say_more(outcome: Outcome, seconds: float) -> None:
    """Tell the author what a caller on a hub would not see: how long it took, broken promises, the traceback."""
    for promise in outcome.broken_promises:
        say(f"The output is not what the operation promises: {promise}", fg="yellow")
    if outcome.log:
        say(outcome.log.rstrip())
    word, colour = ("Success", "green") if outcome.is_success else ("Error", "red")
    say(f"{word} after {seconds:.1f} s", colour)
