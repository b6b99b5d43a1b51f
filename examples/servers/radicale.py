"""Radicale, a CardDAV server. It keeps its address books in files."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from examples.servers.process import MORE, Server, free_port, started

SETTINGS = """\
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/collections
"""


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a Radicale without address books until the block ends. Raises ServerDidNotStart."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (folder / "users").write_text("ada:p:w/secret\n")
    (folder / "settings").write_text(SETTINGS.format(port=port, folder=folder))
    with started([MORE / "radicale", "--config", folder / "settings"], folder, f"{url}/.web/"):
        yield Server(url, {"server": url}, {"username": "ada", "password": "p:w/secret"})
