"""/docs: the API to read and try, from files we ship. It asks no other host for anything."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, RedirectResponse, Response
from swagger_ui_bundle import swagger_ui_path

from jackfield_hub.errors import NotFound

router = APIRouter(include_in_schema=False)

FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Jackfield API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, persistAuthorization: false
});
"""


@router.get("/")
@router.get("/docs/")
async def lead_to_page() -> Response:
    """Whoever opens the hub's bare address in a browser wants to read something."""
    return RedirectResponse("/docs", status_code=307)


@router.get("/docs")
async def show_page() -> Response:
    return Response(PAGE, media_type="text/html", headers=HEADERS)


@router.get("/docs/start.js")
async def read_start() -> Response:
    return Response(START, media_type="text/javascript", headers=HEADERS)


@router.get("/docs/{name}")
async def read_file(name: str) -> Response:
    if name not in FILES:
        raise NotFound("There is no such file")
    return FileResponse(Path(swagger_ui_path) / name, media_type=FILES[name], headers=HEADERS)
