"""A host that is not ours: another user's, or one whose kernel lacks something.

another_host.py [RUNG] [--without-namespaces]                 try a pool there, and print what came out
another_host.py [--without-landlock] -- serve [option …]      run a command of jackfield there
another_host.py [--with-broken-zygote | --with-killed-zygote] -- serve [option …]
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

import orjson

from jackfield.cli import main as command
from jackfield.errors import NoAnswer
from jackfield.exchange import Request, Response
from jackfield.runner import Call
from jackfield_hub.data_folder import let_workers_pass, let_workers_read
from jackfield_hub.sandbox import kernel, launcher
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.pool import Pool, WorkerKey
from jackfield_hub.sandbox.self_test import open_probes
from tests.hub.small_connectors import small_bundle

UNSHARE = {"x86_64": 272, "aarch64": 97}
LANDLOCK_CREATE_RULESET = 444


def refuse(call: int, error: int) -> None:
    """Answer a system call with this error from now on, in all that comes from this process."""
    load, if_equal, answer = 0x20, 0x15, 0x06
    program = [
        (load, 0, 0, 0),
        (if_equal, 0, 1, call),
        (answer, 0, 0, 0x50000 | error),
        (answer, 0, 0, 0x7FFF0000),
    ]
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.filter_calls(b"".join(struct.pack("HBBI", *instruction) for instruction in program))


async def no_network(request: Request) -> Response:
    raise NoAnswer("")


async def live(rung: Rung | None) -> dict[str, object]:
    code = '@small.operation\ndef who() -> dict:\n    return {"users": os.getresuid()}\n'
    with tempfile.TemporaryDirectory() as folder:
        bundle = small_bundle(Path(folder, "bundle"), code)
        let_workers_pass(Path(folder))
        let_workers_read(bundle.folder)
        pool = Pool(rung=rung)
        await pool.start()
        opened = await open_probes(pool)
        key = WorkerKey("acme", "small~1.0", bundle.digest)
        who = await pool.call(key, bundle, Call("who", {}), no_network, time.monotonic() + 20)
        await pool.stop()
    return {"rung": pool.rung, "reason": pool.rung_reason, "open": opened, **orjson.loads(who.output)}


def main(arguments: list[str]) -> None:
    if "--without-namespaces" in arguments:
        refuse(UNSHARE[os.uname().machine], errno.EPERM)  # as a container does
    if "--without-landlock" in arguments:
        refuse(LANDLOCK_CREATE_RULESET, errno.ENOSYS)
    if "--with-broken-zygote" in arguments:
        launcher.COMMAND = "import sys; import nothing_of_that_name"
    if "--with-killed-zygote" in arguments:
        launcher.COMMAND = "import os; os.kill(os.getpid(), 9)"
    if "--" in arguments:
        sys.argv[1:] = arguments[arguments.index("--") + 1 :]
        command()
    rungs = [Rung(argument) for argument in arguments if not argument.startswith("-")]
    print(json.dumps(asyncio.run(live(*rungs or [None]))))


if __name__ == "__main__":
    main(sys.argv[1:])
