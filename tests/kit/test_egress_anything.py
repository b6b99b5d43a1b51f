"""Whatever a connector writes: one well-formed request arrives, or a typed refusal comes back."""

from __future__ import annotations

import re
import time
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import AddressPolicy, HostRule, parse_url
from jackfield.errors import InvalidInput, NoAnswer, NotAllowed
from jackfield.exchange import Headers, Request, Response
from jackfield.http import Http
from tests.kit.misbehaving import answer, third_party

TEXTS = some.text(max_size=40) | some.text(alphabet="%/?#[]@!$&'()*+,;=:.\\ \r\n\t\0aü", max_size=40)
HEADERS = some.lists(some.tuples(some.sampled_from(["X-A", "Host", "Connection", "X B"]) | TEXTS, TEXTS), max_size=4)
METHODS = some.sampled_from(["GET", "POST", "DELETE", "PROPFIND", "TRACE", "get"]) | some.text(max_size=5)


@given(path=TEXTS, headers=HEADERS, method=METHODS, body=some.binary(max_size=50))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_one_request_arrives_or_none(path: str, headers: list[tuple[str, str]], method: str, body: bytes):
    engine = Engine()
    async with third_party(answer()) as party:
        request = Request(method, f"{party.url}/{path}", tuple(headers), body, is_idempotent=False)
        grant = Grant((HostRule.parse(party.url),), addresses=AddressPolicy.allowing(["127.0.0.0/8"]))
        with suppress(NotAllowed):
            await engine.send(request, grant, time.monotonic() + 5)
            arrived = party.requests[0]
            head, _, sent = arrived.partition(b"\r\n\r\n")
            target = parse_url(request.url).path_and_query
            assert head.startswith(f"{method} {target} HTTP/1.1\r\n".encode())
            assert len(re.findall(rb"(?im)^(host|content-length):", head)) == (2 if b"ontent-Length" in head else 1)
            assert sent == body
            assert len(party.requests) == 1
    await engine.close()


@given(text=TEXTS, path_value=TEXTS, query_value=TEXTS, header=TEXTS)
@settings(max_examples=300, deadline=None)
def test_what_the_client_of_a_handler_makes_is_accepted_by_the_engine(
    text: str, path_value: str, query_value: str, header: str
):
    class Grammar:
        def send(self, request: Request) -> Response:
            parse_url(request.url)
            sent: Headers = request.headers
            return Response(200, sent, b"{}", request.url)

    http = Http(Grammar(), "https://api.acme.test/v1")
    with suppress(InvalidInput, NoAnswer):
        answered = http.get(
            f"/a/{text.replace('{', '')}/{{value}}",
            path={"value": path_value},
            query={"q": query_value},
            headers={"X": header},
        )
        assert answered.url.startswith("https://api.acme.test/v1/a/")
