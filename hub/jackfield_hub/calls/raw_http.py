"""`raw_http_request`, run here: it is the platform's own code and no connector's, so it needs no worker."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from jackfield.errors import TooLarge
from jackfield.exchange import JsonObject, Request, Response
from jackfield.http import AsyncHttp
from jackfield.manifest import Metadata
from jackfield.raw_http import RAW_HTTP_REQUEST, send_raw
from jackfield_hub.calls.errands import Errands
from jackfield_hub.sandbox.frames import MAX_JSON_DEPTH, MAX_JSON_VALUES, count_values, is_shallow


def is_raw_http(metadata: Metadata, operation: str) -> bool:
    """Say whether an operation of this connector is not its own but the platform's."""
    return operation == RAW_HTTP_REQUEST and metadata.has_raw_http


async def run_raw_http(
    given: JsonObject, base_url: str, headers: Mapping[str, str], errands: Errands, max_bytes: int
) -> bytes:
    """Return the output as JSON text. Raises what handlers raise, and TooLarge where a worker would."""
    answer = await send_raw(given, AsyncHttp(_Way(errands, max_bytes), base_url, headers))
    output = orjson.dumps(answer)
    _check_size(output, max_bytes)
    # Counting brackets settles nearly every output; only many of them need the walk.
    if output.count(b"{") + output.count(b"[") > MAX_JSON_DEPTH and not is_shallow(answer):
        raise TooLarge(f"The output is deeper than {MAX_JSON_DEPTH} levels: ask for less at once.")
    return output


class _Way:
    """The way to the third party (jackfield.exchange.AsyncTransport). What is too large is not even read as JSON."""

    def __init__(self, errands: Errands, max_bytes: int) -> None:
        self._errands = errands
        self._max_bytes = max_bytes

    async def exchange(self, request: Request) -> Response:
        response = await self._errands.send(request)
        _check_size(response.body, self._max_bytes)
        if count_values(response.body) > MAX_JSON_VALUES:
            raise TooLarge(f"The output has more than {MAX_JSON_VALUES} values: ask for less at once.")
        return response


def _check_size(content: bytes, max_bytes: int) -> None:
    if len(content) > max_bytes:
        raise TooLarge(f"The output is larger than {max_bytes} bytes: ask for less at once.")
