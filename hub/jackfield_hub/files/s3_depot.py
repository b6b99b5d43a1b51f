"""Files as objects of a store that speaks S3. Large ones travel in parts; a part waits in memory, never a file.

A hub that is killed in the middle leaves parts nobody sees. S3 itself forgets them, if the bucket has a rule for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from jackfield_hub.files.depot import PIECE_BYTES, DepotAway, Draft, Gone
from jackfield_hub.settings import Settings

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes, but for the last one
PARTS_AT_ONCE = 1
RETRY_SECONDS = 10


class S3Depot:
    """A bucket, or what begins with a prefix in it."""

    draft_bytes = (PARTS_AT_ONCE + 1) * PART_BYTES

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.file_store)
        self._store = S3Store(address.netloc, prefix=address.path.strip("/") or None, **_options(settings))

    async def draft(self, place: str, mime_type: str, disposition: str) -> Draft:
        said: Any = {"Content-Type": mime_type, "Content-Disposition": disposition}
        writer = obstore.open_writer_async(
            self._store, place, attributes=said, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
        )
        return _S3Draft(writer)

    async def read(self, place: str, start: int, end: int) -> AsyncGenerator[bytes]:
        if start >= end:
            return
        with _typed():
            found = await obstore.get_async(self._store, place, options={"range": (start, end)})
            async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    async def delete(self, place: str) -> None:
        with _typed(), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, place)

    async def link(self, place: str, seconds: int) -> str | None:
        with _typed():
            return await obstore.sign_async(self._store, "GET", place, timedelta(seconds=seconds))


class _S3Draft:
    def __init__(self, writer: AsyncWritableFile) -> None:
        self._writer = writer
        # Its own types leave out those of the arguments.
        self._leave: Callable[..., Awaitable[None]] = writer.__aexit__  # pyright: ignore[reportUnknownMemberType]

    async def write(self, piece: bytes) -> None:
        with _typed():
            await self._writer.write(piece)

    async def keep(self) -> None:
        with _typed():
            await self._writer.close()

    async def discard(self) -> None:
        with _typed():
            # Leaving its block with an error is how a writer is told to forget the parts it has sent.
            await self._leave(DepotAway, DepotAway(), None)


def _options(settings: Settings) -> dict[str, Any]:
    """Return how to reach the store. What is not set is looked for where AWS's own tools look."""
    endpoint = settings.file_store_endpoint
    given = {
        "endpoint": endpoint,
        "region": settings.file_store_region,
        "access_key_id": settings.file_store_key_id,
        "secret_access_key": settings.file_store_key.get_secret_value(),
    }
    return {
        **{name: value for name, value in given.items() if value},
        "virtual_hosted_style_request": not endpoint,  # a store of one's own has rarely a name for each bucket
        "client_options": {"allow_http": endpoint.startswith("http://")},
        "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    }


@contextmanager
def _typed() -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Gone from None
    except (BaseError, OSError) as failure:
        raise DepotAway("the store refuses, or does not answer") from failure
