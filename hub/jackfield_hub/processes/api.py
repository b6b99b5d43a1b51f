"""One of several processes that serve requests: `python -m jackfield_hub.processes.api`, run by the supervisor."""

from __future__ import annotations

import socket
from functools import partial

import uvloop

from jackfield.exchange import JsonObject
from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.calls.authors_log import LogEntry
from jackfield_hub.database import DatabaseAway
from jackfield_hub.full_disk import is_full
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.limits import RequestLimits, SignInLimits
from jackfield_hub.metrics.siblings import telling
from jackfield_hub.migrations import NewerSchema
from jackfield_hub.processes.channel import Heard, Said, Tell
from jackfield_hub.processes.child import Child, being_child
from jackfield_hub.processes.shared_moments import SharedMoments
from jackfield_hub.sandbox.confinement import NotConfined
from jackfield_hub.server import Farewell, serving
from jackfield_hub.start import begin
from jackfield_hub.trust import TooManyToTrust

LINGER_SECONDS = 2.0  # for clients that keep their connection: others serve meanwhile, so there is no haste


async def main() -> None:
    farewell = Farewell()
    async with being_child(farewell.hurry) as child:
        try:
            await _serve(child, farewell)
        except (MasterKeyMistake, NewerSchema, TooManyToTrust) as mistake:
            child.cannot_start(str(mistake))
        except DatabaseAway:
            child.cannot_start("the database does not answer", "is its disk full, or its address (--database) wrong?")
        except OSError as failure:
            if not is_full(failure):
                raise
            child.cannot_start("the disk is full", f"make room for {child.settings.data_dir}")
        except NotConfined as reason:
            child.cannot_start(f"connectors would not be confined: {reason}", "jackfield doctor")


async def _serve(child: Child, farewell: Farewell) -> None:
    with socket.socket(fileno=child.descriptors["listener"]) as listener:
        async with open_hub(child.settings, process=child.name) as hub:
            moments = SharedMoments(child.descriptors["limits"])
            hub.limits, hub.sign_ins = RequestLimits(child.settings, moments=moments), SignInLimits(moments=moments)
            said = await begin(hub)
            _share_with_others(hub, child)
            async with telling(hub, partial(_tell, child, "numbers")), serving(hub, listener) as server:
                child.ready(*said)
                await child.stopping.wait()
                await farewell.take(hub, server, LINGER_SECONDS)


def _share_with_others(hub: Hub, child: Child) -> None:
    """What a connector left in one process, and what that one has counted, is told by all of them."""

    def tell(key: tuple[str, str, str], entry: LogEntry) -> None:
        _tell(child, "authors_log", {"key": key, "entry": entry.to_json()})

    def hear(said: Said) -> None:
        if isinstance(said, Heard) and said.subject == "authors_log":
            organization_id, connector, version = said.content["key"]
            hub.authors_log.remember((organization_id, connector, version), LogEntry(**said.content["entry"]))
        elif isinstance(said, Heard) and said.subject == "numbers":
            hub.siblings.hear(said.content)

    hub.authors_log.tell = tell
    child.listen(hear)


def _tell(child: Child, subject: str, content: JsonObject) -> None:
    child.say(Tell(subject, content), may_be_lost=True)


if __name__ == "__main__":
    uvloop.run(main())
