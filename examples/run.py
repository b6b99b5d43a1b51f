"""What `make run` does: a Kinto, a hub, a connector deployed to it, a call. It goes on until Ctrl-C."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import sys
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe

from jackfield.project import find_project

from examples.local_hub import CannotGoOn, Hub, exit_status, running_hub
from examples.servers.kinto import Kinto, running_kinto

CUSTOMERS = find_project(Path(__file__).resolve().parent / "customers")


@dataclass(frozen=True)
class Remembered:
    """What a second run needs to go on where the first one ended."""

    kinto_port: int = 0
    kinto_password: str = ""
    auth_id: str = ""
    auth_server: str = ""

    @classmethod
    def read(cls, file: Path) -> Remembered:
        return cls(**json.loads(file.read_text())) if file.exists() else cls(kinto_password=token_urlsafe(16))

    def write(self, file: Path) -> None:
        write_privately(file, json.dumps(asdict(self)))


def run(data: Path, port: int) -> None:
    """Start everything, show one call, and wait. Raises CannotGoOn."""
    data.mkdir(mode=0o711, parents=True, exist_ok=True)  # workers of a root hub pass through; nobody else reads it
    memory = data / "run.json"
    known = Remembered.read(memory)
    if not is_free(port):
        raise CannotGoOn(f"Port {port} is taken. Stop what listens there, or: make run PORT={port + 1}")
    say("Starting Kinto, a record server that is not ours")
    kinto_port = known.kinto_port if is_free(known.kinto_port) else 0
    with running_kinto(data / "kinto", port=kinto_port, password=known.kinto_password) as kinto:
        kinto.put_customers()
        say(f"Starting the hub; its data is in {data / 'hub'}")
        with running_hub(data, port) as (hub, process):
            say("Deploying examples/customers")
            hub.deploy(CUSTOMERS)
            auth_id = sign_in(hub, kinto, known)
            Remembered(int(kinto.url.rpartition(":")[2]), kinto.password, auth_id, kinto.url).write(memory)
            show_a_call(hub, auth_id)
            show_what_next(data, hub, kinto, auth_id)
            process.wait()
            raise CannotGoOn(f"The hub ended by itself; it says why in {data / 'hub.log'}")


def sign_in(hub: Hub, kinto: Kinto, known: Remembered) -> str:
    """Return the auth of the last run when it still fits, else a new one."""
    if known.auth_id and known.auth_server == kinto.url and hub.has_auth(known.auth_id):
        say("Using the auth of the last run")
        return known.auth_id
    say("Storing an auth: how to sign in to this Kinto")
    return hub.create_auth(CUSTOMERS.metadata, kinto.server)


def show_a_call(hub: Hub, auth_id: str) -> None:
    say("Calling customers 1.0, operation list_customers")
    answer = hub.call(CUSTOMERS.metadata, "list_customers", {"limit": 2}, auth_id)
    say(json.dumps(answer, indent=2, ensure_ascii=False))
    if answer["outcome"] != "success":
        raise CannotGoOn("The call did not work: see its output above.")


def show_what_next(data: Path, hub: Hub, kinto: Kinto, auth_id: str) -> None:
    """Print commands that work as they stand, and write the file that README and tutorial read."""
    headers = (data / "authorization").absolute()
    write_privately(headers, f"Authorization: Bearer {hub.api_token}\n")
    variables = {
        "JACKFIELD_API_URL": hub.url,
        "JACKFIELD_API_TOKEN": hub.api_token,
        "KINTO_URL": kinto.url,
        "KINTO_USERNAME": kinto.username,
        "KINTO_PASSWORD": kinto.password,
        "KINTO_AUTH": auth_id,
    }
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    write_privately(data / "environment", "".join(lines))
    curl = f"curl -s -H @{shlex.quote(str(headers))}"
    one = {"operation": "get_customer", "input": {"customer_id": "ada"}, "authId": auth_id}
    new = {"operation": "create_customer", "input": {"name": "Femi", "email": "femi@example.com"}, "authId": auth_id}
    say(f"Ready: {hub.url}\n\nTry next, in another terminal:")
    say(f"  {curl} {hub.url}/core/v1/connectors")
    say(f"  {curl} {hub.url}/core/v1/connectors/customers/versions/1.0/operations")
    say(f"  {curl} {hub.url}/core/v1/connectors/customers/versions/1.0/call -d '{json.dumps(one)}'")
    say(f"  {curl} {hub.url}/core/v1/connectors/customers/versions/1.0/call -d '{json.dumps(new)}'")
    say(f"\nThe API, to read: {hub.url}/docs")
    say(f"Ctrl-C ends what was started here; the hub's data stays in {data / 'hub'}.")


def is_free(port: int) -> bool:
    """Whether we could listen there now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_privately(file: Path, text: str) -> None:
    """Write a file that only its owner may read: it holds a token."""
    file.touch(mode=0o600)
    file.write_text(text)


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=8080, help="where the hub listens")
    arguments.add_argument("--data", type=Path, default=Path(".jackfield"), help="where its data is kept")
    chosen = arguments.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends it as tidily as Ctrl-C
    return exit_status(lambda: run(chosen.data, chosen.port))


if __name__ == "__main__":
    sys.exit(main())
