"""Synapse, a Matrix server. It keeps its rooms in SQLite."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from examples.servers.process import MORE, START_SECONDS, Server, free_port, started

PYTHON = MORE / "python"
CLIENT = "/_matrix/client/v3"
NO_LIMIT = {"per_second": 100, "burst_count": 100}

SETTINGS: dict[str, Any] = {
    "server_name": "matrix.example",
    "database": {"name": "sqlite3", "args": {"database": "synapse.db"}},
    "media_store_path": "media",
    "signing_key_path": "signing.key",
    "log_config": "log.yaml",
    "pid_file": "synapse.pid",
    "refresh_token_lifetime": "1h",
    "report_stats": False,
    "trusted_key_servers": [],
    "room_list_publication_rules": [{"action": "allow"}],
    # Twelve messages at once, then two a second: quick for an example, slow enough to see what a limit does.
    "rc_message": {"per_second": 2, "burst_count": 12},
    "rc_login": {"address": NO_LIMIT, "account": NO_LIMIT, "failed_attempts": NO_LIMIT},
    "rc_joins": {"local": NO_LIMIT},
    "rc_room_creation": NO_LIMIT,
}
LOG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"level": "WARNING", "handlers": ["console"]},
}


@dataclass(frozen=True)
class Synapse:
    """A running Synapse, and one account on it."""

    url: str
    user: str
    password: str

    @property
    def server(self) -> Server:
        return Server(self.url, {"server": self.url}, {"user": self.user, "password": self.password})

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Return the JSON of an answer: `ask("GET", f"{CLIENT}/account/whoami", token=…)`."""
        request = Request(f"{self.url}{path}", method=method)  # noqa: S310
        request.data = None if body is None else json.dumps(body).encode()
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def sign_in(self) -> str:
        """Return an access token that does not end."""
        person = {"type": "m.id.user", "user": self.user}
        asked = {"type": "m.login.password", "identifier": person, "password": self.password}
        return self.ask("POST", f"{CLIENT}/login", asked)["access_token"]


@contextmanager
def running_synapse(folder: Path, *, access_seconds: int = 300) -> Generator[Synapse]:
    """Run a Synapse until the block ends; all it has is in `folder`.

    Access tokens of those who ask for a refresh token, too, live `access_seconds`. Raises ServerDidNotStart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, shared_secret = free_port(), secrets.token_hex(32)
    # Synapse reads YAML, and all JSON is YAML.
    (folder / "log.yaml").write_text(json.dumps(LOG))
    (folder / "synapse.yaml").write_text(json.dumps(_settings(port, shared_secret, access_seconds)))
    command = [str(PYTHON), "-m", "synapse.app.homeserver", "-c", "synapse.yaml"]
    subprocess.run([*command, "--generate-keys"], check=True, capture_output=True, cwd=folder)  # noqa: S603
    synapse = Synapse(f"http://127.0.0.1:{port}", "ada", secrets.token_urlsafe(16))
    with started(command, folder, f"{synapse.url}/_matrix/client/versions"):
        _register(synapse, shared_secret)
        yield synapse


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a Synapse with one account until the block ends. Raises ServerDidNotStart."""
    with running_synapse(folder) as synapse:
        yield synapse.server


def _settings(port: int, shared_secret: str, access_seconds: int) -> dict[str, Any]:
    resources = [{"names": ["client", "media"], "compress": False}]
    return {
        **SETTINGS,
        "listeners": [{"type": "http", "port": port, "bind_addresses": ["127.0.0.1"], "resources": resources}],
        "refreshable_access_token_lifetime": f"{access_seconds}s",
        "registration_shared_secret": shared_secret,
        "macaroon_secret_key": secrets.token_hex(32),
        "form_secret": secrets.token_hex(32),
    }


def _register(synapse: Synapse, shared_secret: str) -> None:
    """Make the account as an administrator does, who shows that they know the shared secret."""
    path = "/_synapse/admin/v1/register"
    nonce = synapse.ask("GET", path)["nonce"]
    said = "\0".join((nonce, synapse.user, synapse.password, "notadmin")).encode()
    proof = hmac.new(shared_secret.encode(), said, hashlib.sha1).hexdigest()
    account = {"nonce": nonce, "username": synapse.user, "password": synapse.password, "admin": False, "mac": proof}
    synapse.ask("POST", path, account)
