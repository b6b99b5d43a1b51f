"""Files by reference: send one in, read it with its link, take it away."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unavailable, refusals
from jackfield_hub.files import service
from jackfield_hub.files.arrival import Wanted
from jackfield_hub.files.links import Link
from jackfield_hub.files.names import ANY_BYTES, disposition_of
from jackfield_hub.files.ranges import wanted_range
from jackfield_hub.files.shapes import (
    FileReference,
    LinkExpired,
    LinkInvalid,
    QuotaUsedUp,
    RangeOutside,
    StoredFile,
    StoreFull,
)
from jackfield_hub.web import CurrentCaller, CurrentHub, origin_of

router = APIRouter(tags=["Files"])

# A stored page may be anybody's. Opened in a browser it has no origin, runs nothing and loads nothing.
_HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "The part of it that `Range` asked for.", "content": {"application/octet-stream": {}}},
}
Signature = Annotated[str, Query(pattern="^[0-9a-f]{64}$")]
Expires = Annotated[int, Query(ge=0, le=10**12)]


@router.post(
    "/v1/files",
    openapi_extra=_BYTES,
    responses=refusals(InvalidInput, Forbidden, TooLarge, QuotaUsedUp, StoreFull, Unavailable),
)
async def send_file(
    request: Request,
    caller: CurrentCaller,
    hub: CurrentHub,
    name: Annotated[str, Query(description="What the file is called, `report.pdf`.", max_length=1000)] = "file",
) -> FileReference:
    """Keep the body as a file, and give the reference to it. Its Content-Type is what the file is said to be."""
    announced = request.headers.get("content-length", "")
    wanted = Wanted(name, request.headers.get("content-type", ANY_BYTES), int(announced) if announced else 0)
    return await service.keep(hub, caller, wanted, request.stream(), origin_of(request))


@router.get(
    "/v1/files/{file_id}",
    responses={**refusals(InvalidInput, LinkInvalid, LinkExpired, RangeOutside), **_CONTENT},
)
@router.head("/v1/files/{file_id}", include_in_schema=False)
async def read_file(
    file_id: str, expires: Expires, signature: Signature, request: Request, hub: CurrentHub
) -> Response:
    """Read a file with the link of its reference; no token is asked for. `Range` asks for a part of it."""
    file = await service.open_link(hub, Link(file_id, expires, signature))
    request.state.organization_id = file.owner.organization_id
    away = await service.elsewhere(hub, file)
    if away is not None:
        return RedirectResponse(away, 307, _HARMLESS)
    is_same = request.headers.get("if-range", _tag(file)) == _tag(file)
    part = wanted_range(request.headers.get("range"), file.size) if is_same else None
    start, end = part or (0, file.size)
    headers = _headers_of(file) | {"Content-Length": str(end - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(b"", status, headers)
    return StreamingResponse(service.read(hub, file, start, end), status, headers)


@router.delete("/v1/files/{file_id}", status_code=204, responses=refusals(Forbidden, NotFound, Unavailable))
async def delete_file(file_id: str, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Take a file away before its time. Its link opens nothing any more."""
    await service.delete(hub, caller, file_id)


def _tag(file: StoredFile) -> str:
    return f'"{file.file_id}"'  # a file never changes


def _headers_of(file: StoredFile) -> dict[str, str]:
    return {
        **_HARMLESS,
        "Content-Type": file.mime_type,
        "Content-Disposition": disposition_of(file.name),
        "Accept-Ranges": "bytes",
        "ETag": _tag(file),
    }
