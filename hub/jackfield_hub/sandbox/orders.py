"""What the hub asks its zygote, and what the zygote tells: small JSON messages over one control socket."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import orjson

MAX_MESSAGE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Hire:
    """Fork a worker for the bundle in `folder`. Two descriptors come along: its socket, and the pipe for its stderr.

    `scratch` is a folder of its own, in R2. `describes` asks for the manifest too. Longer logs are cut, larger
    results become an error. One that `stands_back` runs only when no others want to, until it was seen to be calm.
    """

    kind: ClassVar[str] = "hire"
    worker: int
    folder: str
    scratch: str
    describes: bool
    max_result_bytes: int
    max_log_bytes: int
    max_processor_seconds: float
    stands_back: bool


@dataclass(frozen=True)
class Kill:
    """End this worker now. Nothing is asked of it."""

    kind: ClassVar[str] = "kill"
    worker: int


@dataclass(frozen=True)
class Risen:
    """The zygote has imported everything and takes orders."""

    kind: ClassVar[str] = "risen"


@dataclass(frozen=True)
class Stuck:
    """The host does not let workers be confined that way."""

    kind: ClassVar[str] = "stuck"
    reason: str


@dataclass(frozen=True)
class Hired:
    """A worker is there, as this process in the zygote's own world."""

    kind: ClassVar[str] = "hired"
    worker: int
    process_id: int


@dataclass(frozen=True)
class Ended:
    """A worker is gone. `status` is its exit status, or minus the number of the signal that ended it."""

    kind: ClassVar[str] = "ended"
    worker: int
    status: int


Order = Hire | Kill
News = Risen | Stuck | Hired | Ended

_KINDS: dict[str, type[Order | News]] = {kind.kind: kind for kind in (Hire, Kill, Risen, Stuck, Hired, Ended)}


def to_bytes(message: Order | News) -> bytes:
    return orjson.dumps({"kind": message.kind, **asdict(message)})


def from_bytes(data: bytes) -> Order | News:
    """Return the message. Both ends are ours, so a wrong one is a bug: KeyError or TypeError."""
    fields: dict[str, Any] = orjson.loads(data)
    return _KINDS[fields.pop("kind")](**fields)
