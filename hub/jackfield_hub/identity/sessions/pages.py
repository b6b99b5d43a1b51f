"""The page on which people sign in. It works without a script, by keyboard, in light and dark."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import Response

from jackfield_hub.templates import open_templates

FOLDER = Path(__file__).parent / "pages"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_templates = cache(open_templates)


def sign_in_page(
    go_on: str, *, organization: str = "", email: str = "", problem: str = "", status: int = 200, openid: str = ""
) -> Response:
    """Ask for e-mail and password; `problem` is what was wrong the last time. `openid` is the host of a provider."""
    data = {"go_on": go_on, "organization": organization, "email": email, "problem": problem, "openid": openid}
    return _draw("sign_in.html", status, **data)


def signed_in_page(name: str, email: str, csrf: str) -> Response:
    """Say who is signed in here."""
    return _draw("signed_in.html", 200, name=name, email=email, csrf=csrf)


def password_page(csrf: str, *, problem: str = "", status: int = 200) -> Response:
    """Ask for the old password and a new one; `problem` is what was wrong the last time."""
    return _draw("password.html", status, csrf=csrf, problem=problem)


def _draw(template: str, status: int, **data: Any) -> Response:
    page = _templates(FOLDER).get_template(template).render(**data)
    return Response(page, status, HEADERS, media_type="text/html")
