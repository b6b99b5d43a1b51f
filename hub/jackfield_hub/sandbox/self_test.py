"""Attacks the jail with everything we know, from inside a worker, before it is trusted."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import orjson

from jackfield.errors import NoAnswer
from jackfield.exchange import Request, Response
from jackfield.runner import Call
from jackfield_hub.sandbox.pool import Bundle, Pool, WorkerKey
from jackfield_hub.sandbox.probes import CANARY, PROBES, Canaries

ATTACKS = Bundle(Path(__file__).parent / "attacks", "attacks", "self-test")
ATTACKER = WorkerKey("", "self-test", ATTACKS.digest)
PROBE_SECONDS = 10.0


async def open_probes(pool: Pool) -> list[str]:
    """Return the names of the attacks that get through in this pool's workers; a jail that holds gives none.

    An attack that does not come back with an answer counts as one that got through.
    """
    with set_out_canaries() as canaries:
        found = [name for name in PROBES if not await _is_closed(pool, name, canaries)]
    pool.dismiss(ATTACKER)  # or its 17 MB would stay for ten minutes
    return found


async def _is_closed(pool: Pool, name: str, canaries: Canaries) -> bool:
    call = Call("attack", {"name": name, "canaries": asdict(canaries)})
    outcome = await pool.call(ATTACKER, ATTACKS, call, _no_network, time.monotonic() + PROBE_SECONDS)
    return outcome.is_success and orjson.loads(outcome.output) == {"is_open": False}


async def _no_network(request: Request) -> Response:
    raise NoAnswer("The self-test has no network.")


@contextmanager
def set_out_canaries() -> Generator[Canaries]:
    """Give things to attack for a while: files, ports and sockets open to everybody, and a process that waits."""
    with ExitStack() as things:
        folder = Path(tempfile.mkdtemp(prefix="jackfield-canaries-"))
        things.callback(shutil.rmtree, folder)
        for file in (folder / "secret", folder / "spare"):
            file.write_bytes(CANARY)
            file.chmod(0o666)
        folder.chmod(0o777)
        abstract = f"jackfield-canary-{os.getpid()}-{time.monotonic_ns()}"
        way = os.open(folder, os.O_PATH)  # shorter than the folder's name may be: a socket's is limited to 107 bytes
        things.callback(os.close, way)
        things.enter_context(_listener(socket.AF_UNIX, f"/proc/self/fd/{way}/socket"))
        (folder / "socket").chmod(0o777)
        things.enter_context(_listener(socket.AF_UNIX, f"\0{abstract}"))
        tcp = things.enter_context(_listener(socket.AF_INET, ("127.0.0.1", 0)))
        udp = things.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        yield Canaries(
            folder=str(folder),
            code=str(folder),
            tcp_port=tcp.getsockname()[1],
            udp_port=udp.getsockname()[1],
            abstract_name=abstract,
            process_id=things.enter_context(_idler()),
        )


def _listener(family: int, address: str | tuple[str, int]) -> socket.socket:
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen(64)
    return listener


@contextmanager
def _idler() -> Generator[int]:
    """Give a process that does nothing but wait for us, so that it ends with us, however we end."""
    environment = {"CANARY": CANARY.decode()}
    with subprocess.Popen(["/bin/cat"], env=environment, cwd="/", stdin=subprocess.PIPE) as process:
        try:
            yield process.pid
        finally:
            process.kill()
