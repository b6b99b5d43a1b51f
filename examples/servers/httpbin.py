"""httpbin, which answers with what it was asked."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from examples.servers.process import MORE, Server, free_port, started


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run an httpbin until the block ends; one signs in with a bearer token. Raises ServerDidNotStart."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [MORE / "gunicorn", "httpbin:app", "--bind", url.removeprefix("http://"), "--threads", "8"]
    with started(command, folder, f"{url}/get"):
        yield Server(url, {"server": url}, {"accessToken": "tok-of-the-example"})
