"""The jail: what does not get out, shown by attacks that do get through without it."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.sandbox import seccomp, syscalls
from jackfield_hub.sandbox.jail import JAILS, Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Pool
from jackfield_hub.sandbox.probes import PROBES
from jackfield_hub.sandbox.scratch import PREFIX, Scratch
from jackfield_hub.sandbox.self_test import open_probes
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run
from tests.hub.test_sandbox_faults import processes_below

UNJAILED = Path(__file__).parent / "unjailed.py"


@pytest.fixture(params=JAILS)
async def pool(request: pytest.FixtureRequest) -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0), request.param)
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def connector(tmp_path: Path) -> Callable[[str], Bundle]:
    return lambda code: small_bundle(tmp_path / "bundle", code)


def status_of(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def namespaces_of(pid: int | str) -> set[str]:
    names = ("user", "mnt", "pid", "net", "ipc", "uts")
    return {str(Path(f"/proc/{pid}/ns/{name}").readlink()) for name in names}


PID = """
    @small.operation
    def pid() -> dict:
        return {"pid": os.getpid()}
"""


async def test_no_attack_gets_out(pool):
    assert len(PROBES) >= 40
    assert await open_probes(pool) == []


def test_every_attack_gets_through_where_there_is_no_jail():
    done = subprocess.run([sys.executable, str(UNJAILED)], capture_output=True, text=True, timeout=120, check=True)

    opened: dict[str, bool] = json.loads(done.stdout)
    assert [name for name, probe in PROBES.items() if not opened[name] and not probe.needs] == []


def on_another_host(*arguments: str, interpreter: str = sys.executable, **options: Any) -> dict[str, Any]:
    """Run the script of that name; return what it says."""
    done = subprocess.run(
        [interpreter, "-B", "-c", IMPORT_FROM, json.dumps(sys.path), *arguments],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
        **options,
    )
    return json.loads(done.stdout)


IMPORT_FROM = (
    "import json, sys; sys.path += json.loads(sys.argv[1]); from tests.hub.another_host import main; main(sys.argv[2:])"
)


SET_OUT = """
import signal, sys
from jackfield_hub.sandbox.self_test import set_out_canaries
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as in the processes of a hub
with set_out_canaries() as canaries:
    print(canaries.process_id, flush=True)
    sys.stdin.read()
"""


def test_what_attacks_aim_at_ends_with_a_hub_that_is_killed_over_its_self_test():
    command = [sys.executable, "-c", SET_OUT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        canary = Path(f"/proc/{int(hub.stdout.readline())}")
        assert canary.exists()
        hub.kill()

    give_up_at = time.monotonic() + 60
    while canary.exists():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_a_host_that_refuses_namespaces_gets_the_next_rung_and_hears_why():
    seen = on_another_host("--without-namespaces")

    assert (seen["rung"], seen["open"]) == ("R2", [])
    assert "not permitted" in seen["reason"]


def public_interpreter() -> str | None:
    """Return a Python of this version that any user may run, if there is one."""
    names = (os.path.realpath(sys.executable), f"/usr/bin/python3.{sys.version_info.minor}")
    places = [Path(name) for name in names]
    return next((str(place) for place in places if place.exists() and is_public(place)), None)


def is_public(place: Path) -> bool:
    return all(above.stat().st_mode & 0o001 for above in (place, *place.parents))


@pytest.mark.skipif(os.getuid() != 0, reason="all other tests run as a user without power already")
@pytest.mark.skipif(public_interpreter() is None, reason="no interpreter here that another user may run")
@pytest.mark.parametrize("rung", JAILS)
def test_a_hub_without_power_has_a_jail_that_holds_too(rung):
    interpreter = public_interpreter()
    assert interpreter

    seen = on_another_host(rung, interpreter=interpreter, user=58_998, group=58_998, extra_groups=[], env={})

    assert (seen["rung"], seen["open"]) == (rung, [])
    assert 0 not in seen["users"]


@pytest.mark.skipif(os.getuid() != 0, reason="about hubs that are root")
@pytest.mark.skipif(public_interpreter() is None, reason="no interpreter here that another user may run")
@pytest.mark.parametrize("rung", JAILS)
@pytest.mark.parametrize("umask", [0o022, 0o077])  # the second one is that of `jackfield serve`
def test_workers_of_a_root_hub_need_no_eyes_of_root(rung, umask):
    interpreter = public_interpreter()
    assert interpreter

    seen = on_another_host(rung, interpreter=interpreter, env={}, umask=umask)

    assert (seen["rung"], seen["open"]) == (rung, [])
    assert 0 not in seen["users"]


async def test_a_worker_has_no_privilege_and_can_never_have_one(pool, connector):
    await give(pool, connector(""), "echo")
    worker = processes_below(pool.first_pid or 0)[-1]

    status = status_of(worker)

    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    if not os.getuid():
        assert int(status["Uid"].split()[0]) in range(50_000, 59_000)
        assert status["CapBnd"] == "0" * 16
        assert not status["Groups"].strip()


async def test_in_namespaces_a_worker_shares_none_with_the_hub(connector):
    pool = Pool(rung=Rung.NAMESPACES)
    await pool.start()
    await give(pool, connector(""), "echo")
    worker = processes_below(pool.first_pid or 0)[-1]

    shared = namespaces_of(worker) & namespaces_of("self")
    await pool.stop()

    assert shared == set()


async def test_two_organizations_cannot_signal_each_other(pool, connector):
    bundle = connector(
        PID
        + """
    @small.operation
    def disturb(text: Text) -> dict:
        try:
            os.kill(int(text.text), 0)
        except OSError as error:
            return {"refused": error.errno}
        return {}
    """
    )
    charlie = (await give(pool, bundle, "pid", organization="charlie"))["pid"]
    itself = (await give(pool, bundle, "pid", organization="alice"))["pid"]

    assert await give(pool, bundle, "disturb", organization="alice", text=str(charlie)) == {"refused": errno.EPERM}
    assert await give(pool, bundle, "disturb", organization="alice", text=str(itself)) == {}


async def test_a_worker_has_a_scratch_of_its_own_and_the_whole_standard_library(pool, connector):
    bundle = connector("""
    @small.operation
    def work(text: Text) -> dict:
        import email.mime.text, sqlite3, tempfile, zoneinfo
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path

        there = sorted(os.listdir("."))
        Path("mine").write_text(text.text)
        with tempfile.NamedTemporaryFile() as file, sqlite3.connect("data") as data:
            file.write(b"x")
            data.execute("create table t (n)")
        with ThreadPoolExecutor(100) as threads:
            total = sum(threads.map(lambda n: n, range(100)))
        return {"there": there, "total": total, "zone": str(zoneinfo.ZoneInfo("Europe/Vienna"))}
    """)

    for organization in ("alice", "charlie"):
        done = await give(pool, bundle, "work", organization=organization, text="x")
        assert done == {"there": [], "total": 4950, "zone": "Europe/Vienna"}


async def test_a_connector_that_wants_too_much_memory_is_told_so_and_lives(pool, connector):
    bundle = connector(
        PID
        + """
    @small.operation
    def grow() -> dict:
        return {"length": len(bytearray(2 << 30))}
    """
    )
    before = await give(pool, bundle, "pid")

    outcome = await run(pool, bundle, "grow")

    assert output(outcome)["kind"] == "OutOfMemory"
    assert "MemoryError" in outcome.log
    assert await give(pool, bundle, "pid") == before


def test_a_scratch_goes_with_its_worker_and_orphans_go_with_the_next_hub(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    orphan = tmp_path / f"{PREFIX}999999999-x"
    orphan.mkdir()
    scratch = Scratch()

    scratch.open()
    folder = Path(scratch.make(1))
    (folder / "left").touch()
    scratch.remove(1)

    assert not orphan.exists()
    assert not folder.exists()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


ALLOW, KILL = 0x7FFF0000, 0x80000000
OWN = 4711


def verdict(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """Run the filter the way the kernel does, on one call."""
    words = [number, arch, 0, 0, *(half for value in arguments for half in (value & 0xFFFFFFFF, value >> 32))]
    words += [0] * (16 - len(words))
    instructions = list(struct.iter_unpack("HBBI", program))
    at = value = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            value = words[operand // 4]
        elif code == 0x54:
            value &= operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += if_true if holds else if_false


def refused(number: int) -> int:
    return 0x00050000 | number


@pytest.mark.parametrize("name", list(syscalls.MACHINES))
def test_the_filter_says_the_same_on_every_machine(name):
    machine = syscalls.MACHINES[name]
    program = seccomp.assemble(machine, OWN)
    known = {
        call: number
        for table in (syscalls.ALLOWED, syscalls.CHECKED, syscalls.FORBIDDEN)
        for call, number in syscalls.numbers(table, machine).items()
    }

    def ask(call: str, *arguments: int) -> int:
        return verdict(program, machine.audit_arch, known[call], *arguments)

    assert len(set(known.values())) == len(known)
    assert all(ask(call) == ALLOW for call in syscalls.numbers(syscalls.ALLOWED, machine))
    assert all(ask(call) == refused(errno.EPERM) for call in syscalls.numbers(syscalls.FORBIDDEN, machine))
    assert ask("clone", 0x3D0F00) == ALLOW
    assert ask("clone", 0x11) == ask("clone", 0x3D0F00 | 0x10000000) == refused(errno.EPERM)
    assert ask("kill", OWN, 9) == ask("tgkill", OWN, OWN, 9) == ALLOW
    assert ask("kill", OWN + 1, 9) == ask("kill", 2**32 - 1, 9) == ask("tgkill", 1, 1, 9) == refused(errno.EPERM)
    assert ask("openat", 0, 0, os.O_RDONLY) == ask("openat", 0, 0, os.O_WRONLY | os.O_TRUNC) == ALLOW
    assert ask("openat", 0, 0, os.O_RDONLY | os.O_TRUNC) == ask("openat", 0, 0, 3 | os.O_TRUNC) == refused(errno.EPERM)
    assert ask("fcntl", 0, 3) == ALLOW
    assert ask("fcntl", 0, 8) == ask("fcntl", 0, 10) == ask("fcntl", 0, 15) == refused(errno.EPERM)
    assert ask("ioctl", 0, 0x5412) == refused(errno.ENOTTY)
    assert ask("prctl", 1) == ask("prctl", 22) == refused(errno.EPERM)
    assert ask("prlimit64", 0) == ask("prlimit64", OWN) == ALLOW
    assert ask("prlimit64", 1) == refused(errno.EPERM)
    assert all(
        verdict(program, machine.audit_arch, number) == refused(errno.ENOSYS) for number in (425, 434, 435, 438, 999)
    )
    assert verdict(program, 0x40000003, 1) == KILL
    if machine.has_x32:
        assert verdict(program, machine.audit_arch, 0x40000000 | 1) == refused(errno.EPERM)
