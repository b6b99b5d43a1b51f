"""What a redirect turns a request into."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from jackfield.egress.headers import anonymous_headers
from jackfield.egress.policy import Target, parse_url
from jackfield.errors import NotAllowed
from jackfield.exchange import Headers, Request, Response

# A URL, "//host…", or a path. urljoin would quietly repair the rest: control characters, "///host", "http:host".
_LOCATION = re.compile(r"(?!///)(?![A-Za-z][A-Za-z0-9+.-]*:(?!//[^/]))[!-\[\]-~]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_redirect(response: Response) -> bool:
    return response.status in _REDIRECTS and bool(response.header("Location"))


def redirected_target(origin: Target, response: Response) -> Target:
    """Return where the response sends us. Raises NotAllowed when its Location is odd, or leaves encryption."""
    location = response.header("Location") or ""
    if not _LOCATION.fullmatch(location):
        raise NotAllowed(f"{origin.host_and_port} redirects to something that is not a URL.")
    target = parse_url(urljoin(origin.url, location).partition("#")[0])
    if origin.scheme == "https" and target.scheme == "http":
        raise NotAllowed(f"{origin.host_and_port} redirects from https to http, where others could listen.")
    return target


def redirected_request(request: Request, response: Response, target: Target, is_same_origin: bool) -> Request:
    """Return the request that follows. Another origin does not learn who is asking."""
    headers = request.headers if is_same_origin else anonymous_headers(request.headers)
    if _becomes_get(request.method, response.status):
        return replace(request, method="GET", url=target.url, headers=_without_body(headers), body=b"")
    return replace(request, url=target.url, headers=headers)


def _becomes_get(method: str, status: int) -> bool:
    return (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")


def _without_body(headers: Headers) -> Headers:
    return tuple((name, value) for name, value in headers if not name.lower().startswith("content-"))
