"""Kinto, a record server. It keeps its records in memory."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from examples.servers.process import SERVICES, START_SECONDS, Server, ServerDidNotStart, stop

KINTO = SERVICES / "bin" / "kinto"

SETTINGS = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}
threads = 8

[app:main]
use = egg:kinto
kinto.includes = kinto.plugins.default_bucket kinto.plugins.accounts
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = {user_secret}
kinto.default_bucket_hmac_secret = {bucket_secret}
kinto.account_create_principals = system.Everyone
multiauth.policies = account
multiauth.policy.account.use = kinto.plugins.accounts.AccountsPolicy

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain

[formatter_plain]
format = %(asctime)s %(name)s %(message)s
"""

SOME_CUSTOMERS = {
    "ada": {"name": "Ada Mensah", "email": "ada@example.com", "city": "Accra"},
    "bruno": {"name": "Bruno Keller", "email": "bruno@example.com", "city": "Basel"},
    "chiyo": {"name": "Chiyo Tanaka", "email": "chiyo@example.com", "city": "Kobe"},
    "dalia": {"name": "Dalia Haddad", "email": "dalia@example.com", "city": "Amman"},
    "emil": {"name": "Emil Sørensen", "email": "emil@example.com", "city": "Aarhus"},
}


@dataclass(frozen=True)
class Kinto:
    """A running Kinto, and one account on it."""

    url: str
    username: str
    password: str

    @property
    def server(self) -> Server:
        return Server(self.url, {"server": self.url}, {"username": self.username, "password": self.password})

    def put(self, path: str, data: Mapping[str, Any], *, is_signed_in: bool = True) -> None:
        """Create or replace what is at `path`, such as `/buckets/default/collections/customers/records/ada`."""
        request = Request(f"{self.url}/v1{path}", method="PUT", data=json.dumps({"data": data}).encode())  # noqa: S310
        request.add_header("Content-Type", "application/json")
        if is_signed_in:
            pair = b64encode(f"{self.username}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {pair}")
        with urlopen(request, timeout=START_SECONDS):  # noqa: S310
            pass

    def put_customers(self) -> None:
        """Make sure that five customers are there. Doing it again changes nothing."""
        for customer_id, customer in SOME_CUSTOMERS.items():
            self.put(f"/buckets/default/collections/customers/records/{customer_id}", customer)


@contextmanager
def running_kinto(folder: Path, *, port: int = 0, password: str | None = None) -> Generator[Kinto]:
    """Run a Kinto until the block ends; its settings and its log are in `folder`.

    Port 0 takes a free one. Raises ServerDidNotStart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings, log = folder / "kinto.ini", folder / "kinto.log"
    settings.write_text(
        SETTINGS.format(port=port, user_secret=secrets.token_hex(32), bucket_secret=secrets.token_hex(32))
    )
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [KINTO, "start", "--ini", settings],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: Kinto goes last, when nobody talks to it any more
        )
    try:
        kinto = Kinto(_wait_for_address(process, log), "jackfield", password or secrets.token_urlsafe(16))
        kinto.put(f"/accounts/{kinto.username}", {"password": kinto.password}, is_signed_in=False)
        yield kinto
    finally:
        stop(process)


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a Kinto that holds five customers until the block ends. Raises ServerDidNotStart."""
    with running_kinto(folder, password="p:w/ü") as kinto:
        kinto.put_customers()
        yield kinto.server


def _wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return where Kinto listens, for example `http://127.0.0.1:40123`: it says so once it does."""
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        said = re.search(r"Serving on (http://[0-9.:]+)", log.read_text(errors="replace"))
        if said:
            return said[1]
        time.sleep(0.05)
    raise ServerDidNotStart(f"Kinto did not start; it says why in {log}")
