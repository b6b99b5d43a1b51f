"""The HTTP client of a handler: what it sends, and what it makes of an answer."""

from __future__ import annotations

import datetime
import email.utils
import time
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from jackfield.bodies import Upload
from jackfield.errors import (
    Conflict,
    ConnectorError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotJson,
    NotSignedIn,
    NotXml,
    OperationError,
    RateLimited,
    ServiceBroken,
    ServiceError,
    TimedOut,
)
from jackfield.exchange import Request, Response, awaitable
from jackfield.http import AsyncHttp, Http, HttpAnswer


class Mirror:
    """A Transport that keeps the request and gives one answer."""

    def __init__(self, answer: Response | None = None) -> None:
        self.answer = answer or Response(200, (("Content-Type", "application/json"),), b"{}")
        self.seen: list[Request] = []

    def send(self, request: Request) -> Response:
        self.seen.append(request)
        return self.answer


def sent(
    path_or_url: str, /, base_url: str = "https://api.acme.test/v1", method: str = "GET", **options: Any
) -> Request:
    mirror = Mirror()
    Http(mirror, base_url).request(method, path_or_url, **options)
    return mirror.seen[0]


def answered(status: int, body: bytes = b"", url: str = "https://api.acme.test/a", **headers: str) -> HttpAnswer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Http(Mirror(Response(status, named, body, url)), "https://api.acme.test").get("/a")


class Replies:
    """A Transport that gives one answer after the other, and keeps the requests."""

    def __init__(self, answers: list[Response]) -> None:
        self._answers = iter(answers)
        self.seen: list[Request] = []

    def send(self, request: Request) -> Response:
        self.seen.append(request)
        return replace(next(self._answers), url=request.url)


class Size(Enum):
    SMALL = "s"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/products/1", "https://api.acme.test/v1/products/1"),
        ("products/1", "https://api.acme.test/v1/products/1"),
        ("", "https://api.acme.test/v1"),
        ("?page=2", "https://api.acme.test/v1?page=2"),
        ("/a b/ü/%2F", "https://api.acme.test/v1/a%20b/%C3%BC/%2F"),
        ("/100%", "https://api.acme.test/v1/100%25"),
        ('/"<x>\\^`{', "https://api.acme.test/v1/%22%3Cx%3E%5C%5E%60%7B"),
        ("/a:b@c;d=e,f!$&'()*+~", "https://api.acme.test/v1/a:b@c;d=e,f!$&'()*+~"),
        ("//evil.test/x", "https://api.acme.test/v1//evil.test/x"),
        ("@evil.test/x", "https://api.acme.test/v1/@evil.test/x"),
        ("https://files.acme.test/a b?c=d e", "https://files.acme.test/a%20b?c=d%20e"),
        ("HTTPS://files.acme.test", "HTTPS://files.acme.test"),
        ("https://é.test/é", "https://é.test/%C3%A9"),
        ("/redirect?to=https://x.test/a", "https://api.acme.test/v1/redirect?to=https://x.test/a"),
    ],
)
def test_a_path_is_appended_to_the_base_url_and_a_full_url_stays(path: str, url: str):
    assert sent(path).url == url
    assert sent(path, "https://api.acme.test/v1/").url == url


def test_values_of_a_path_are_one_segment_each():
    request = sent("/shops/{shop}/orders/{order.id}", path={"shop": "a/b?c#d %", "order.id": 7})

    assert request.url == "https://api.acme.test/v1/shops/a%2Fb%3Fc%23d%20%25/orders/7"


@pytest.mark.parametrize("value", ["", ".", "..", None])
def test_a_value_that_would_change_the_path_is_refused(value: str | None):
    with pytest.raises(InvalidInput, match='"id" cannot be'):
        sent("/orders/{id}", path={"id": value})


@pytest.mark.parametrize(
    "path", ["/orders/../admin", "/orders/..", "/orders/%2e%2e/admin", "/orders/.", "/a#b", "/a\nb", "/a\0"]
)
def test_a_path_that_climbs_or_breaks_off_is_refused(path: str):
    with pytest.raises(InvalidInput):
        sent(path)


def test_a_forgotten_f_is_explained_to_the_author():
    with pytest.raises(ConnectorError, match=r"still holds \{order\.id\}: write it as an f-string"):
        sent("/orders/{order.id}")


def test_a_relative_path_needs_a_base_url():
    with pytest.raises(ConnectorError, match="no base URL"):
        sent("/orders", "")


def test_a_query_says_what_the_service_expects():
    query = {
        "q": "a b&c=ü",
        "page": 2,
        "all": True,
        "ids": [1, 2],
        "no": None,
        "size": Size.SMALL,
        "tag[]": ("x", None),
    }

    expected = "?q=a%20b%26c%3D%C3%BC&page=2&all=true&ids=1&ids=2&size=s&tag[]=x"
    assert sent("/a", query=query).url == f"https://api.acme.test/v1/a{expected}"
    assert sent("/a?b=c", query={"d": 0.5}).url.endswith("/a?b=c&d=0.5")
    assert sent("/a", query={"d": None}).url.endswith("/a")


@dataclass
class Order:
    name: str
    on: datetime.date


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({"json": {"a": "ü"}}, "application/json", '{"a":"ü"}'.encode()),
        ({"json": Order("x", datetime.date(2024, 1, 2))}, "application/json", b'{"name":"x","on":"2024-01-02"}'),
        ({"json": []}, "application/json", b"[]"),
        ({"form": {"a": "b c", "d": [1, True]}}, "application/x-www-form-urlencoded", b"a=b+c&d=1&d=true"),
        ({"text": "hällo"}, "text/plain; charset=utf-8", "hällo".encode()),
        ({"content": b"\0\1"}, "application/octet-stream", b"\0\1"),
        ({"content": b"%PDF", "content_type": "application/pdf"}, "application/pdf", b"%PDF"),
        ({"text": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", b"<a/>"),
    ],
    ids=lambda value: "",
)
def test_a_body_comes_with_its_content_type(options: dict[str, Any], content_type: str, body: bytes):
    request = sent("/a", method="POST", **options)
    types = [value for name, value in request.headers if name.lower() == "content-type"]

    assert (types, request.body) == ([content_type], body)


def test_a_request_without_a_body_has_no_content_type():
    assert not [name for name, _ in sent("/a", method="POST").headers if name.lower() == "content-type"]


def test_several_parts_are_sent_as_a_form_with_files():
    request = sent(
        "/a",
        method="POST",
        multipart={"title": "Zoë", "n": [1, 2], "file": Upload('a"b\r\n.txt', b"\0data", "text/plain")},
    )
    content_type = dict(request.headers)["Content-Type"]
    boundary = content_type.removeprefix("multipart/form-data; boundary=").encode()

    parts = request.body.split(b"--" + boundary)
    assert parts[1] == 'Content-Disposition: form-data; name="title"\r\n\r\nZoë\r\n'.join(["\r\n", ""]).encode()
    assert [part.endswith(end) for part, end in zip(parts[2:4], (b"1\r\n", b"2\r\n"), strict=True)] == [True, True]
    assert b'name="file"; filename="a%22b%0D%0A.txt"\r\nContent-Type: text/plain\r\n\r\n\0data\r\n' in parts[4]
    assert parts[5] == b"--\r\n"


def test_two_bodies_and_unspeakable_json_are_the_authors_mistakes():
    with pytest.raises(ConnectorError, match="one body"):
        sent("/a", json={}, text="")
    with pytest.raises(ConnectorError, match="cannot say"):
        sent("/a", json={"a": object()})


def test_headers_say_what_was_given_and_not_what_was_none():
    headers = dict(sent("/a", headers={"X-Number": 5, "X-None": None, "accept": "text/csv"}).headers)

    assert headers == {"X-Number": "5", "accept": "text/csv"}
    assert dict(sent("/a").headers)["Accept"].startswith("application/json")


def test_a_header_cannot_be_split():
    with pytest.raises(InvalidInput, match='"X-A" may not hold line breaks'):
        sent("/a", headers={"X-A": "b\r\nX-Admin: yes"})
    with pytest.raises(ConnectorError, match="cannot be the name"):
        sent("/a", headers={"X A": "b"})


def test_options_reach_the_engine():
    request = sent("/a", method="patch", timeout_seconds=3.5, idempotent=True)

    assert (request.method, request.timeout_seconds, request.is_idempotent) == ("PATCH", 3.5, True)


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (400, ServiceError, "Bad API request. Try checking your input properties."),
        (401, NotSignedIn, "Unauthorized request. Have you added your API details correctly?"),
        (403, Forbidden, "Forbidden. Check you have the appropriate permissions to access this resource."),
        (404, NotFound, "Not found. Looks like this has been removed."),
        (409, Conflict, "The request could not be processed due to a conflict."),
        (410, NotFound, "Gone."),
        (412, Conflict, "Somebody changed this"),
        (418, ServiceError, "The service refused the request (it answered 418)."),
        (422, ServiceError, "Check the values"),
        (429, RateLimited, "Too many requests have been made in the given timeframe."),
        (500, ServiceBroken, "it answered 500"),
        (503, ServiceBroken, "it answered 503"),
        (304, ServiceError, "it answered 304"),
    ],
)
def test_a_status_that_means_no_raises_the_right_error(status: int, kind: type[OperationError], sentence: str):
    with pytest.raises(ServiceError) as raised:
        answered(status, b'{"why": "because"}')

    assert type(raised.value) is kind
    assert sentence in raised.value.message
    assert raised.value.to_output()["response"] == {"statusCode": status, "body": {"why": "because"}}
    assert raised.value.to_output()["expects"] == {"statusCode": [200, 201, 202, 204]}


def test_an_error_page_that_is_not_json_keeps_its_status_and_text():
    with pytest.raises(ServiceBroken) as raised:
        answered(502, b"<html>Bad gateway</html>")

    assert raised.value.to_output()["response"] == {"statusCode": 502, "body": "<html>Bad gateway</html>"}


def test_a_rate_limit_says_how_long_to_wait():
    for text, seconds in (("120", 120.0), ("", None), ("later", None), ("-1", None)):
        with pytest.raises(RateLimited) as raised:
            answered(429, retry_after=text)
        assert raised.value.retry_after_seconds == seconds

    with pytest.raises(RateLimited) as raised:
        answered(429, retry_after=email.utils.formatdate(time.time() + 60, usegmt=True))
    assert 50 < (raised.value.retry_after_seconds or 0) <= 60


def test_a_status_can_be_accepted():
    http = Http(Mirror(Response(404, (), b"none")), "https://api.acme.test")

    assert http.get("/a", accept=(404,)).status == 404
    assert http.get("/a", accept=range(400, 500)).text == "none"
    with pytest.raises(NotFound):
        http.get("/a", accept=(409,))


def test_an_answer_is_read_as_json():
    assert answered(200, b'{"a": [1, null]}').json() == {"a": [1, None]}
    assert answered(200, b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}
    assert answered(204).json() == {}


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"", "application/json", "answered 200 with nothing in it"),
        (b"<html>", "text/html", "answered 200 with text/html"),
        (b'{"a": NaN}', "application/json", "answered 200 with application/json"),
        (b"{", "", "answered 200 with"),
    ],
)
def test_an_answer_that_is_not_json_says_what_it_is(body: bytes, content_type: str, sentence: str):
    with pytest.raises(NotJson, match=sentence) as raised:
        answered(200, body, content_type=content_type).json()

    assert raised.value.response is not None


def test_text_is_read_in_its_own_alphabet():
    assert answered(200, "ü".encode("latin-1"), content_type="text/plain; charset=ISO-8859-1").text == "ü"
    assert answered(200, "ü".encode(), content_type="text/plain; charset=klingon").text == "ü"
    assert answered(200, b"\xff", content_type="text/plain").text == "\ufffd"


def test_headers_are_found_whatever_their_case():
    headers = answered(200, ETag='"1"', X_A="b").headers

    assert (headers["etag"], headers.get("x-a"), headers.get("missing"), "ETAG" in headers) == ('"1"', "b", None, True)
    assert sorted(headers) == ["etag", "x-a"]
    assert len(headers) == 2
    with pytest.raises(KeyError):
        headers.all("missing")


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ('<https://api.acme.test/a?page=3>; rel="next"', "https://api.acme.test/a?page=3"),
        ('</a?page=3>; rel="next", </a?page=9>; rel="last"', "https://api.acme.test/a?page=3"),
        ('</a?page=1>; rel="prev", </a?page=3>; rel="next"', "https://api.acme.test/a?page=3"),
        ("<?page=3>; rel=next", "https://api.acme.test/a?page=3"),
        ('</a?x=1,2;3>; title="x"; rel="next"', "https://api.acme.test/a?x=1,2;3"),
        ('</a?page=3>; rel="start next"', "https://api.acme.test/a?page=3"),
        ('</a?page=9>; rel="last"', None),
        ('</a?page=9>; rel="nextish"', None),
        ("nonsense", None),
    ],
)
def test_the_link_to_the_next_page_is_absolute(link: str, url: str | None):
    assert answered(200, Link=link).next_link() == url


def test_an_answer_without_links_has_no_next_page():
    assert answered(200).next_link() is None


def test_what_the_transport_raises_comes_through():
    class Silent:
        def send(self, request: Request) -> Response:
            raise TimedOut("too long")

    with pytest.raises(TimedOut):
        Http(Silent(), "https://api.acme.test").get("/a")


def test_xml_goes_out_and_comes_back():
    request = sent("/orders", method="POST", xml=Element("order", {"kind": "a & b"}))
    answer = answered(200, b"<order><id>7</id></order>")

    assert request.body.endswith(b'<order kind="a &amp; b" />')
    assert ("Content-Type", "application/xml; charset=utf-8") in request.headers
    assert answer.xml().findtext("id") == "7"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b'<!DOCTYPE a SYSTEM "file:///x"><a/>']
)
def test_what_is_no_xml_is_an_error_that_says_so(content: bytes):
    with pytest.raises(NotXml, match="no XML we can read"):
        answered(200, content).xml()


def numbers_on_pages(*next_pages: str) -> tuple[Http, Replies]:
    """Return a client of a service with three pages, each of which says where the next one is."""
    replies = Replies([Response(200, (("Link", link),) if link else (), b"{}") for link in next_pages])
    return Http(replies, "https://api.acme.test/v1"), replies


def test_pages_follow_the_link_of_the_page_before():
    http, replies = numbers_on_pages('</v1/numbers?after=2&n=2>; rel="next"', "")

    pages = list(http.pages("/numbers", query={"n": 2}))

    assert len(pages) == 2
    assert [request.url.removeprefix("https://api.acme.test") for request in replies.seen] == [
        "/v1/numbers?n=2",
        "/v1/numbers?after=2&n=2",
    ]


async def test_pages_follow_what_an_answer_says_about_the_next():
    cursors = iter(["b", "c", None])
    replies = Replies([Response(200, (), b"{}")] * 3)

    http = AsyncHttp(awaitable(replies), "https://api.acme.test")
    pages = [page async for page in http.pages("/numbers", next_page=lambda _: {"cursor": next(cursors)})]

    assert len(pages) == 3
    assert [request.url.rpartition("numbers")[2] for request in replies.seen] == ["", "?cursor=b", "?cursor=c"]


def test_a_page_that_leads_to_itself_ends_in_an_error():
    http, _ = numbers_on_pages(*['<https://api.acme.test/v1/numbers>; rel="next"'] * 9)

    with pytest.raises(ConnectorError, match="never end"):
        list(http.pages("/numbers"))


@pytest.mark.parametrize(("body", "said"), [(b'{"code": 7}', {"code": 7}), (b"[1]", {}), (b"<html>", {}), (b"", {})])
def test_a_refusal_tells_what_the_service_said(body: bytes, said: object):
    with pytest.raises(ServiceError) as refusal:
        answered(400, body)

    assert refusal.value.said == said
