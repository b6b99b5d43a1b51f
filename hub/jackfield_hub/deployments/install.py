"""Install a connector's dependencies: wheels only, by name, version and hash. No code of theirs runs.

requirements ─> resolver, a worker in the jail ─> names, versions, addresses, hashes ─> each wheel ─> hash ─> unpacked
                  └─ pages, metadata ─> egress ─> index <─ egress ───────────────────────┘

Whatever a stranger wrote about a package is read in the jail. The hub itself takes only bytes with the right hash.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from packaging.tags import sys_tags
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from jackfield.auth import Basic, NoSignIn
from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.limits import Limits as EgressLimits
from jackfield.egress.policy import HostRule, parse_url
from jackfield.errors import NoAnswer, OperationError
from jackfield.exchange import Request, Response
from jackfield.runner import Call
from jackfield_hub.deployments.default_index import ANYWHERE, find_default_index
from jackfield_hub.deployments.requirements import Wheel
from jackfield_hub.deployments.stages import CannotBuild
from jackfield_hub.deployments.wheels import Shelf, metadata_of
from jackfield_hub.logs import log
from jackfield_hub.sandbox.pool import Bundle, Pool

RESOLVER = Bundle(Path(__file__).parent / "resolver", "resolver", "resolver")
MAX_WHEEL_BYTES = 256 * 1024 * 1024
MAX_REQUESTS = 2000
MAX_PROCESSOR_SECONDS = 60.0
MAX_SAID_CHARACTERS = 1500
_TAGS = [str(tag) for tag in sys_tags()]


class _Found(BaseModel):
    """One wheel as the resolver names it. It has read what strangers wrote, so it is not believed either."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,200}$")
    version: str = Field(pattern=r"^[0-9A-Za-z.!+]{1,200}$")
    url: str
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")


_FOUND = TypeAdapter(list[_Found])


@dataclass(frozen=True)
class Installer:
    """How this hub installs. `index` is a package index's URL, with user name and password if need be; or empty.

    `file_hosts` are the other hosts its pages may send us to for files.
    """

    workers: Pool
    index: str
    max_bytes: int
    file_hosts: tuple[str, ...] = ()

    async def install(self, requirements: Sequence[str], target: Path, deadline: float) -> list[Wheel]:
        """Put the requirements, and theirs, into `target`, and return what was installed, sorted by name.

        `deadline` is a `time.monotonic()`. Raises CannotBuild with what the author can do.
        """
        await asyncio.to_thread(target.mkdir)
        if not requirements:
            return []
        index = await self._open_index(deadline)
        try:
            wheels = await self._resolve(requirements, index, deadline)
            shelf = Shelf(target, self.max_bytes)
            for wheel in wheels:
                content = await _download(wheel, index)
                await asyncio.to_thread(shelf.put, wheel.name, content)
        finally:
            await index.engine.close()
        return [Wheel(wheel.name, wheel.version, (f"sha256:{wheel.sha256}",)) for wheel in wheels]

    async def _open_index(self, deadline: float) -> _Index:
        engine = Engine(EgressLimits(max_raw_bytes=MAX_WHEEL_BYTES, max_body_bytes=MAX_WHEEL_BYTES))
        if self.index:
            return _Index.at(self.index, self.file_hosts, engine, deadline)
        try:
            default = await find_default_index(engine, deadline)
        except CannotBuild:
            await engine.close()
            raise
        return _Index.at(default.url, (*default.file_hosts, *self.file_hosts), engine, deadline)

    async def _resolve(self, requirements: Sequence[str], index: _Index, deadline: float) -> list[_Found]:
        call = Call("resolve", {"requirements": list(requirements), "tags": _TAGS}, index.url)
        limits = replace(self.workers.limits, requests_per_call=MAX_REQUESTS, processor_seconds=MAX_PROCESSOR_SECONDS)
        outcome = await self.workers.call_once(RESOLVER, call, index.answer, deadline, limits)
        output = orjson.loads(outcome.output)
        if outcome.log:
            log.warning("resolver_complains", said=outcome.log[-MAX_SAID_CHARACTERS:])
        if not outcome.is_success:
            raise CannotBuild(f"The dependencies could not be resolved. {_said(output)}")
        try:
            return _FOUND.validate_python(output.get("wheels"), strict=True)
        except ValidationError:
            raise CannotBuild("The dependencies could not be resolved: the package index lists odd things.") from None


@dataclass(frozen=True)
class _Index:
    """The package index for one build: where it is, and the one way there."""

    url: str
    engine: Engine
    grant: Grant
    files_grant: Grant
    deadline: float

    @classmethod
    def at(cls, address: str, file_hosts: Sequence[str], engine: Engine, deadline: float) -> _Index:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        url = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        rule = HostRule.parse(f"{parts.scheme}://{host}")
        pages = Grant((rule,), addresses=ANYWHERE, owner="package index")
        if parts.username:
            credentials = {"username": unquote(parts.username), "password": unquote(parts.password or "")}
            pages = replace(pages, sign_in=Basic(), credentials=credentials)
        elsewhere = tuple(HostRule.parse(name) for name in file_hosts)
        files = replace(pages, hosts=elsewhere, sign_in=NoSignIn(), credentials={})
        return cls(url, engine, pages, files, deadline)

    async def fetch(self, url: str) -> Response:
        """Read a page or a file, of the index or of where it keeps its files; nowhere else. Raises what egress does."""
        return await self._send(Request("GET", url))

    async def answer(self, request: Request) -> Response:
        """Answer the resolver. Of a wheel it gets what the wheel says about itself, and never the wheel."""
        response = await self._send(request)
        if response.status != 200 or not urlsplit(request.url).path.endswith(".whl"):
            return response
        try:
            return replace(response, body=await asyncio.to_thread(metadata_of, response.body))
        except CannotBuild as refusal:
            raise NoAnswer(refusal.reason) from None

    async def _send(self, request: Request) -> Response:
        is_file = any(rule.matches(parse_url(request.url)) for rule in self.files_grant.hosts)
        return await self.engine.send(request, self.files_grant if is_file else self.grant, self.deadline)


async def _download(wheel: _Found, index: _Index) -> bytes:
    """Return the wheel, which is the one the index announced."""
    if not wheel.sha256:
        raise CannotBuild(f"The package index gave no version with a SHA-256 for {wheel.name}.")
    try:
        answer = await index.fetch(wheel.url)
    except OperationError as error:
        raise CannotBuild(f"{wheel.name} could not be downloaded. {error.message}") from None
    if answer.status != 200:
        raise CannotBuild(f"{wheel.name} could not be downloaded: the package index answered {answer.status}.")
    if await asyncio.to_thread(_sha256, answer.body) != wheel.sha256:
        raise CannotBuild(f"The wheel of {wheel.name} is not the one the package index announced. Deploy again.")
    return answer.body


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _said(output: Any) -> str:
    message = output.get("message")
    return message[:MAX_SAID_CHARACTERS] if isinstance(message, str) else ""
