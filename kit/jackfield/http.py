"""The HTTP client a handler receives: pointed at the base URL, signed in by the platform, errors already right.

    http.get("/products/{id}", path={"id": ref.product_id}).json()

An answer that is not 2xx raises: NotSignedIn, Forbidden, NotFound, Conflict, RateLimited, ServiceBroken, ServiceError.
"""

from __future__ import annotations

import io
import re
from collections.abc import AsyncGenerator, Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack
from urllib.parse import quote, urljoin
from xml.etree.ElementTree import Element

import orjson

from jackfield.bodies import BYTES_TYPE, UNRESERVED, Body, Fields, Parts, Scalar, body_of, query_text, scalar_text
from jackfield.egress.headers import is_header_name, is_header_value
from jackfield.egress.policy import has_dot_segments
from jackfield.egress.retries import retry_after_seconds
from jackfield.errors import (
    Conflict,
    ConnectorError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotJson,
    NotSignedIn,
    NotXml,
    RateLimited,
    ServiceBroken,
    ServiceError,
)
from jackfield.exchange import AsyncTransport, FileUse, Headers, Json, Request, Response, Transport
from jackfield.file_reading import FileReader, Piece, keeping, piece_of
from jackfield.markup import XmlMistake, read_xml
from jackfield.shapes import File

_SENTENCES = {
    400: "Bad API request. Try checking your input properties.",
    401: "Unauthorized request. Have you added your API details correctly?",
    403: "Forbidden. Check you have the appropriate permissions to access this resource.",
    404: "Not found. Looks like this has been removed.",
    409: "The request could not be processed due to a conflict.",
    410: "Gone. This was there once, and has been removed for good.",
    412: "Somebody changed this in the meantime. Read it again, then repeat your change.",
    422: "The service understood the request but will not accept it. Check the values of your input.",
    429: "Too many requests have been made in the given timeframe.",
}
_CLASSES: dict[int, type[ServiceError]] = {
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
}
_NO_CONTENT = frozenset({204, 205})
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")
_FULL_URL = re.compile(r"https?://", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IS_LEGAL = re.compile(r"[A-Za-z0-9_.~/?&=,:@!$'()*+;-]*")
_LEGAL_IN_PATH = "/?#[]@!$&'()*+,;=:~%|"
_NEXT_LINK = re.compile(r'<([^>]*)>[^<]*;\s*rel="?(?:[^";,]* )?next(?=[" ;,]|$)', re.IGNORECASE)


_NOTHING: dict[str, Any] = {}
_NO_BODY = Body()
_BODIES = frozenset({"json", "xml", "form", "text", "content", "file", "multipart"})
_ACCEPT = (("Accept", "application/json, */*;q=0.5"),)


class RequestOptions(TypedDict, total=False):
    """What a request can say besides its method and path.

    At most one of json, xml, form, text, content, file, multipart.
    """

    path: Mapping[str, Scalar]  # fills {name} in the path: one percent-encoded segment each
    query: Fields  # None is left out, a list repeats its name
    headers: Mapping[str, str | int | None]  # None is left out
    json: Json
    xml: Element
    form: Fields
    text: str
    content: bytes
    file: File  # as the whole body; in `multipart` files stand as parts
    multipart: Parts
    content_type: str  # instead of what the kind of body says
    timeout_seconds: float
    accept: Container[int]  # statuses besides 2xx that are no error: (404,) or range(400, 500)
    to_file: str  # what to call the file that the body of the answer becomes: `answer.file`
    idempotent: bool  # whether the engine may send it again; by default its method says so


class HeaderMap(Mapping[str, str]):
    """The headers of an answer, found whatever their case. Of a repeated header this is the first."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._headers))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._headers})

    def all(self, name: str) -> list[str]:
        """Return every value of a header. Raises KeyError when there is none."""
        values = [value for key, value in self._headers if key.lower() == name.lower()]
        if not values:
            raise KeyError(name)
        return values


class HttpAnswer:
    """What the service answered."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.headers = HeaderMap(response.headers)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def content(self) -> bytes:
        return self.response.body

    @property
    def url(self) -> str:
        """Where the answer came from, after redirects."""
        return self.response.url

    @property
    def text(self) -> str:
        """The body as text, in the alphabet its Content-Type names, else UTF-8."""
        charset = re.search(r"charset=[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        try:
            return self.content.decode(charset[1] if charset else "utf-8", errors="replace")
        except LookupError:
            return self.response.text

    def json(self) -> Json:
        """Return the body as JSON; `{}` after "204 No Content". Raises NotJson when it is something else."""
        if self.status in _NO_CONTENT:
            return {}
        try:
            return orjson.loads(self.content.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            raise NotJson(self._not_json(), self.response) from None

    def xml(self) -> Element:
        """Return the root element of the body. Raises NotXml when it is something else."""
        try:
            return read_xml(self.content)
        except XmlMistake as mistake:
            raise NotXml(
                f"The service answered {self.status} with no XML we can read: {mistake}.", self.response
            ) from None

    def readable_body(self) -> Json:
        """Return the body as JSON when it is JSON, else as text, else None when it is empty."""
        return self.response.readable_body()

    @property
    def file(self) -> File:
        """The file that the body became, where the request said `to_file=`. Raises ConnectorError if there is none."""
        if self.response.file is None:
            raise ConnectorError(f"No file was kept of this answer ({self.status}): ask for one with to_file=.")
        return File(**self.response.file)

    def _not_json(self) -> str:
        kind = self.headers.get("content-type", "something without a type")[:99] if self.content else "nothing in it"
        return (
            f"The service answered {self.status} with {kind}, where JSON was expected. "
            "Try again later; if it stays so, tell the connector's author."
        )

    def next_link(self) -> str | None:
        """Return the absolute URL of the next page as a `Link: <…>; rel="next"` header gives it, or None."""
        for value in self.headers.all("link") if "link" in self.headers else ():
            found = _NEXT_LINK.search(value)
            if found:
                return urljoin(self.url, found[1])
        return None


NextPage = Callable[[HttpAnswer], str | Fields | None]
"""Says where the page after this one is: a path or URL, or what changes in the query; None after the last page."""


class Http:
    """Sends requests to the service of a connector.

    A path is appended to the base URL; a full URL goes to that host, if the connector declares it.
    Raises InvalidInput when a value cannot be part of the request, and what the module's docstring lists.
    """

    def __init__(self, transport: Transport, base_url: str = "", headers: Mapping[str, str] | None = None) -> None:
        """`headers` go with every request that does not name them itself."""
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._always = headers or {}

    def get(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return self.request("GET", path_or_url, **options)

    def head(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return self.request("HEAD", path_or_url, **options)

    def post(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return self.request("POST", path_or_url, **options)

    def put(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return self.request("PUT", path_or_url, **options)

    def patch(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return self.request("PATCH", path_or_url, **options)

    def delete(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return self.request("DELETE", path_or_url, **options)

    def request(self, method: str, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        """Send any request: `http.request("OPTIONS", "/products")`."""
        request = _request(self._base_url, self._always, method, path_or_url, options)
        return _answer(self._transport.send(request), options)

    def pages(
        self, path_or_url: str, /, *, next_page: NextPage = HttpAnswer.next_link, **options: Unpack[RequestOptions]
    ) -> Iterator[HttpAnswer]:
        """Get one page after the other: a list's whole length, however long, with one page in memory.

        Without `next_page` the pages are those of `Link: <…>; rel="next"`. With a cursor in the answer it is
        `lambda page: {"cursor": page.json().get("next")}`; a value that is None ends the list as well.
        """
        asked: _Asked | None = _Asked(path_or_url, options)
        while asked is not None:
            answer = self.get(asked.path_or_url, **asked.options)
            yield answer
            asked = asked.following(next_page(answer))

    def open(self, file: File) -> io.BufferedReader:
        """Return a file to be read: it can be iterated and sought, and has a few megabytes in memory at a time."""
        return io.BufferedReader(FileReader(self._transport, file))

    def make_file(self, name: str, content: bytes, mime_type: str = BYTES_TYPE) -> File:
        """Keep some bytes as a file; its reference can be an output."""
        return HttpAnswer(self._transport.send(keeping(name, content, mime_type))).file


class AsyncHttp:
    """What `Http` is to a plain function, to one that is `async def`: the same methods, to be awaited.

    first, second = await asyncio.gather(http.get("/products/1"), http.get("/products/2"))
    """

    def __init__(self, transport: AsyncTransport, base_url: str = "", headers: Mapping[str, str] | None = None) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._always = headers or {}

    async def get(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return await self.request("GET", path_or_url, **options)

    async def head(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return await self.request("HEAD", path_or_url, **options)

    async def post(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return await self.request("POST", path_or_url, **options)

    async def put(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return await self.request("PUT", path_or_url, **options)

    async def patch(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return await self.request("PATCH", path_or_url, **options)

    async def delete(self, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        return await self.request("DELETE", path_or_url, **options)

    async def request(self, method: str, path_or_url: str, /, **options: Unpack[RequestOptions]) -> HttpAnswer:
        """Send any request: `await http.request("OPTIONS", "/products")`."""
        request = _request(self._base_url, self._always, method, path_or_url, options)
        return _answer(await self._transport.exchange(request), options)

    async def pages(
        self, path_or_url: str, /, *, next_page: NextPage = HttpAnswer.next_link, **options: Unpack[RequestOptions]
    ) -> AsyncGenerator[HttpAnswer]:
        """Get one page after the other, as `Http.pages` does: `async for page in http.pages("/products"): …`."""
        asked: _Asked | None = _Asked(path_or_url, options)
        while asked is not None:
            answer = await self.get(asked.path_or_url, **asked.options)
            yield answer
            asked = asked.following(next_page(answer))

    async def pieces(self, file: File) -> AsyncGenerator[bytes]:
        """Give what is in a file, a few megabytes at a time."""
        start, size = 0, 1
        while start < size:
            piece = Piece.of(await self._transport.exchange(piece_of(file, start)))
            start, size = start + len(piece.content), piece.size
            if not piece.content:
                return
            yield piece.content

    async def make_file(self, name: str, content: bytes, mime_type: str = BYTES_TYPE) -> File:
        """Keep some bytes as a file; its reference can be an output."""
        return HttpAnswer(await self._transport.exchange(keeping(name, content, mime_type))).file


@dataclass(frozen=True)
class _Asked:
    """Which page of a list is asked for."""

    path_or_url: str
    options: RequestOptions

    def following(self, said: str | Fields | None) -> _Asked | None:
        """Return what to ask next, None after the last page. Raises ConnectorError when that is the same again."""
        if not said or (not isinstance(said, str) and None in said.values()):
            return None
        if isinstance(said, str):  # it says everything by itself
            asked = _Asked(said, {**self.options, "query": {}, "path": {}})
        else:
            asked = _Asked(self.path_or_url, {**self.options, "query": {**self.options.get("query", {}), **said}})
        if asked == self:
            raise ConnectorError("The page after this one is this one again: the list would never end.")
        return asked


def _request(
    base_url: str, always: Mapping[str, str], method: str, path_or_url: str, options: RequestOptions
) -> Request:
    body = _NO_BODY if _BODIES.isdisjoint(options) else _body(options)
    to_file = options.get("to_file")
    return Request(
        method=method.upper(),
        url=_url(base_url, path_or_url, options),
        headers=_headers(options, always, body.content_type),
        body=body.content,
        timeout_seconds=options.get("timeout_seconds"),
        is_idempotent=options.get("idempotent"),
        files=FileUse(body.pieces, to_file) if body.pieces or to_file is not None else None,
    )


def _body(options: RequestOptions) -> Body:
    return body_of(
        json=options.get("json"),
        xml=options.get("xml"),
        form=options.get("form"),
        text=options.get("text"),
        content=options.get("content"),
        file=options.get("file"),
        multipart=options.get("multipart"),
    )


def _answer(response: Response, options: RequestOptions) -> HttpAnswer:
    if not 200 <= response.status < 300 and response.status not in options.get("accept", ()):
        raise refusal_of(response)
    return HttpAnswer(response)


def _url(base_url: str, path_or_url: str, options: RequestOptions) -> str:
    filled = _legal(_filled(path_or_url, options.get("path")) if "{" in path_or_url else path_or_url)
    url = filled if "://" in filled and _FULL_URL.match(filled) else _absolute(base_url, filled)
    query = query_text(options.get("query", _NOTHING))
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _absolute(base_url: str, path: str) -> str:
    if not base_url:
        raise ConnectorError("The connector has no base URL: give it one, or call with a full https:// URL.")
    if "#" in path:
        raise InvalidInput('A value with "#" cannot be part of a path as it is.')
    if has_dot_segments(path):
        raise InvalidInput('A path may not hold "." or ".." between its slashes.')
    return base_url + (path if path.startswith(("/", "?")) or not path else f"/{path}")


def _filled(path: str, values: Mapping[str, Scalar] | None) -> str:
    def segment(found: re.Match[str]) -> str:
        if values is None or found[1] not in values:
            raise ConnectorError(
                f"The path still holds {{{found[1]}}}: write it as an f-string, "
                f'or give its value with path={{"{found[1]}": …}}.'
            )
        return _segment(found[1], values[found[1]])

    return _PLACEHOLDER.sub(segment, path)


def _segment(name: str, value: Scalar) -> str:
    text = "" if value is None else scalar_text(value)
    if text in ("", ".", ".."):
        raise InvalidInput(f'The value of "{name}" cannot be {text!r}. Give it as the service shows it.')
    return text if UNRESERVED.fullmatch(text) else quote(text, safe="")


def _legal(path_or_url: str) -> str:
    """Percent-encode what may stand nowhere in a URL: spaces, other alphabets. Refuse control characters."""
    if _IS_LEGAL.fullmatch(path_or_url):
        return path_or_url  # as nearly every path is
    if _CONTROL.search(path_or_url):
        raise InvalidInput("A path may not hold line breaks or other control characters.")
    lone_percent = _LONE_PERCENT.sub("%25", path_or_url)
    scheme, separator, rest = lone_percent.partition("://")
    if not separator or not re.fullmatch(r"https?", scheme, re.IGNORECASE):
        return quote(lone_percent, safe=_LEGAL_IN_PATH, errors="replace")
    # The host of a full URL is left as it is: the engine refuses what is odd there, and nobody may repair it before.
    end = re.search(r"[/?#]|$", rest)
    host_ends = end.start() if end else len(rest)
    return scheme + separator + rest[:host_ends] + quote(rest[host_ends:], safe=_LEGAL_IN_PATH, errors="replace")


def _headers(options: RequestOptions, always: Mapping[str, str], content_type: str) -> Headers:
    said = options.get("headers", _NOTHING)
    if not said and not always and not content_type and "content_type" not in options:
        return _ACCEPT  # as in most requests
    known = {name.lower() for name in said}
    merged = {**{name: value for name, value in always.items() if name.lower() not in known}, **said}
    given = {name: scalar_text(value) for name, value in merged.items() if value is not None}
    for name, value in given.items():
        if not is_header_name(name):
            raise ConnectorError(f"{name[:99]!r} cannot be the name of a header.")
        if not is_header_value(value):
            raise InvalidInput(f'The header "{name}" may not hold line breaks or other control characters.')
    names = {name.lower() for name in given}
    defaults = {**dict(_ACCEPT), "Content-Type": options.get("content_type", content_type)}
    missing = {name: value for name, value in defaults.items() if value and name.lower() not in names}
    return (*missing.items(), *given.items())


def refusal_of(response: Response) -> ServiceError:
    """Return the error a refusing response stands for, with a sentence for the person who called."""
    status = response.status
    if status == 429:
        return RateLimited(_SENTENCES[429], response, retry_after_seconds(response))
    if status >= 500:
        sentence = f"The service has a problem of its own (it answered {status}). Try again later."
        return ServiceBroken(sentence, response)
    sentence = _SENTENCES.get(status, f"The service refused the request (it answered {status}).")
    return _CLASSES.get(status, ServiceError)(sentence, response)
