"""Thirty shapes of secrets on every path that ends in an error, with the log at its most talkative: none comes out.

What is looked through: every answer, and afterwards the log, metrics, spans, what authors read, and all that is stored:
the audit, calls and their history among it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from aiohttp import web

from jackfield.auth import sign_in_to_json
from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.app import ROUTERS
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Answer, Person
from tests.hub.planted import Planted, found_in, marks, plant
from tests.hub.shop import answering, put_in_place
from tests.hub.stored import all_that_is_stored
from tests.hub.visitor import Visitor, code_for, link

AUTHS = "/core/v1/authentications"
CALL = "/core/v1/connectors/{name}/versions/{version}/call"
HIDDEN = "hidden in a test"

#: Fields of bodies and forms that hold secrets. What else is sent is nobody's secret, and may be repeated.
SECRET_FIELDS = (
    *("password", "oldPassword", "newPassword", "old_password", "new_password", "token", "code", "state"),
    *("credentials", "userData", "data", "properties", "clientSecret", "client_secret", "input", "csrf", "form"),
    *("credentials/apiKey", "credentials/password", "accessToken", "refreshToken", "authorizationCode"),
)
OTHER_FIELDS = ("name", "title", "email", "operation", "authId", "roleId", "userId", "query", "variables", "host")


@pytest.fixture
def spans() -> list[bytes]:
    """What came to the collector of traces."""
    return []


@pytest.fixture
async def collector(spans: list[bytes]) -> AsyncGenerator[str]:
    async def take(request: web.Request) -> web.Response:
        spans.append(await request.read())
        return web.Response()

    async with answering(take) as url:
        yield url


@pytest.fixture
def settings(settings: Settings, collector: str) -> Settings:
    is_traced = find_spec("opentelemetry") is not None
    changed: dict[str, Any] = {"renewal_courier": False, "sign_in_doubt_seconds": 0.0}
    return settings.model_copy(update={**changed, **({"traces_url": f"{collector}/v1/traces"} if is_traced else {})})


@pytest.fixture
def talkative() -> Generator[None]:
    """Everybody says everything."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    yield
    root.setLevel(before)


@dataclass
class Search:
    """What was planted, and where it must not come out."""

    secrets: dict[str, Planted] = field(default_factory=plant)
    leaks: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    answers: int = 0

    def __post_init__(self) -> None:
        self.marks = marks(self.secrets)

    def look(self, place: str, text: bytes) -> None:
        found = found_in(text, self.marks)
        if found:
            self.leaks.append((place, found))

    def look_at(self, place: str, answer: Answer) -> None:
        """Look at the answer of a request that was refused, or has failed."""
        self.answers += 1
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.look(f"{place} -> {answer.status}", head.encode() + b"\n" + answer.body)

    def told(self) -> str:
        return "\n".join(f"{place}: {', '.join(found)}" for place, found in self.leaks)

    async def look_behind(self, hub: Hub, alice: Person, said: str, spans: list[bytes]) -> None:
        """Look into everything that is kept or told elsewhere."""
        self.look("the log", said.encode())
        self.look("what is stored", all_that_is_stored(hub.settings))
        self.look("spans", b"\n".join(spans))
        for path in ("/metrics", "/v1/usage", "/v1/calls", "/v1/tokens", "/core/v1/users"):
            self.look(path, (await alice.get(path)).body)
        for file in hub.settings.data_dir.rglob("*"):
            # A file that somebody has sent is theirs to read again, with all that is in it.
            if file.is_file() and not file.name.startswith(("core.db", "usage.db")) and "kept" not in file.parts:
                self.look(str(file.relative_to(hub.settings.data_dir)), file.read_bytes())


@dataclass(frozen=True)
class Address:
    """A method and a path with fields in it, as `/v1/tokens/{token_id}`."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def filled(self, value: str) -> str:
        return re.sub(r"\{[^}]+\}", lambda _: value, self.path)


def addresses() -> list[Address]:
    """Return every address the hub serves, described or not: a new route is looked at without being named here."""
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    served = {Address(method, route.path) for route in routes for method in route.methods - {"HEAD", "OPTIONS"}}
    return sorted({*served, Address("POST", CALL)}, key=str)


def bodies(secrets: dict[str, Planted]) -> Iterator[tuple[str, str, bytes]]:
    """Return bodies that hold all secrets where secrets belong: what kind, its content type, and the body."""
    texts = [secret.text for secret in secrets.values()]
    right = dict.fromkeys(OTHER_FIELDS, "x")
    nested = {"apiKey": texts, "password": {"deep": texts}}
    yield "lists", "application/json", orjson.dumps({**right, **dict.fromkeys(SECRET_FIELDS, texts)})
    yield "objects", "application/json", orjson.dumps({**right, **dict.fromkeys(SECRET_FIELDS, nested)})
    yield "texts", "application/json", orjson.dumps({**right, **dict(zip(SECRET_FIELDS, cycle(texts)))})
    yield "half a body", "application/json", orjson.dumps({**right, "credentials": nested})[:-3]
    yield "no JSON", "application/json", "\n".join(texts).encode()
    yield "a form", "application/x-www-form-urlencoded", urlencode([("password", text) for text in texts]).encode()


async def test_what_refuses_a_request_does_not_repeat_its_secrets(
    hub: Hub, alice: Person, capsys: pytest.CaptureFixture[str], talkative: None, spans: list[bytes]
) -> None:
    search, asked = Search(), addresses()
    shapes = cycle(search.secrets.values())
    assert len(search.secrets) == 30
    assert len(asked) > 60

    for address in asked:
        for _ in range(2):
            one, other, third = next(shapes), next(shapes), next(shapes)
            stranger = replace(alice, token=one.header)
            labels = {"Cookie": f"jackfield_session={quote(other.text)}", "Idempotency-Key": third.header}
            search.look_at(
                f"{address}, a wrong token", await stranger.send(address.method, address.filled("x"), b"", labels)
            )
            basic = {"Authorization": f"Basic {one.header}", "X-Api-Key": other.header}
            search.look_at(f"{address}, odd labels", await alice.send(address.method, address.filled("x"), b"", basic))
        query = urlencode({"code": next(shapes).text, "state": next(shapes).text, "token": next(shapes).text})
        answer = await alice.send(address.method, f"{address.filled('x')}?{query}", b"")
        search.look_at(f"{address}, in the query", answer)
        await alice.send(address.method, address.filled(quote(next(shapes).text, safe="")), b"")  # for the log's sake
        if address.method in {"POST", "PUT", "PATCH"}:
            for kind, content_type, body in bodies(search.secrets):
                labels = {"Content-Type": content_type}
                answer = await alice.send(address.method, address.filled("x"), body, labels)
                if answer.status >= 400:
                    search.look_at(f"{address}, {kind}", answer)

    await search.look_behind(hub, alice, "".join(capsys.readouterr()), spans)
    assert search.leaks == [], search.told()
    assert search.answers > 5 * len(asked)


OPERATIONS = """
from dataclasses import dataclass
from jackfield import Http
from {package}.connector import shop

@dataclass
class Wanted:
    status: int = 200
    path: str = "/mirror"

@shop.operation
def ask(wanted: Wanted, http: Http) -> dict:
    \"\"\"Ask for an answer of this status.\"\"\"
    return http.get(wanted.path, query={{"status": wanted.status}}).json()

@shop.operation
def stumble(wanted: Wanted, http: Http) -> dict:
    \"\"\"Print what came, and fail over it.\"\"\"
    answer = http.get(wanted.path, accept=range(100, 600))
    print(answer.text, dict(answer.headers))
    raise ValueError(answer.text)

@shop.operation
def promise(wanted: Wanted, http: Http) -> dict:
    \"\"\"Give back what was not promised.\"\"\"
    return http.get(wanted.path, accept=range(100, 600)).text
"""

KIT = "__import__('jackfield')"
WAYS = {"header": 'ApiKey("X-Key")', "query": f'ApiKey("key", {KIT}.auth.Place.QUERY)'}
#: What a third party answers, and how it goes wrong: refused, broken, no JSON, led elsewhere, cut off.
CALLS = [
    *(("ask", {"status": status}) for status in (400, 401, 403, 404, 409, 429, 500, 503)),
    *(("ask", {"path": path}) for path in ("/page", "/elsewhere", "/cut-off", "/odd-header", "/nobody")),
    *(("stumble", {}), ("promise", {}), ("ask", {"status": "many"}), ("nothing-of-the-kind", {})),
]


async def mirror(request: web.Request) -> web.StreamResponse:
    """Repeat what was sent, in the way the path asks for."""
    seen = " ".join([request.headers.get("X-Key", ""), request.query.get("key", "")])
    match request.path:
        case "/page":
            return web.Response(text=f"<html>{seen}</html>", content_type="text/html")
        case "/elsewhere":
            raise web.HTTPFound("http://127.0.0.1:1/" + quote(seen))
        case "/odd-header":
            return web.Response(status=500, headers={"X-Seen": quote(seen), "Retry-After": "never"}, text=seen)
        case "/cut-off":
            answer = web.StreamResponse(headers={"Content-Length": "100000"})
            await answer.prepare(request)
            await answer.write(seen.encode())
            assert request.transport is not None
            request.transport.close()
            return answer
        case "/nobody":
            raise web.HTTPNotFound(text=orjson.dumps({"error": seen}).decode())
        case _:
            return web.json_response({"seen": seen}, status=int(request.query.get("status", "200")))


async def test_a_call_that_fails_does_not_tell_what_it_was_signed_in_with(
    hub: Hub, alice: Person, capsys: pytest.CaptureFixture[str], talkative: None, spans: list[bytes]
) -> None:
    search = Search()
    async with answering(mirror) as url:
        for name, way in WAYS.items():
            await put_in_place(hub, alice.organization_id, url, name=name, sign_in=way, code=OPERATIONS)
            [environment] = (await alice.get(f"/core/v1/services/{name}/versions/1/environments")).json["elements"]
            for shape, secret in search.secrets.items():
                wanted = {
                    "name": "x",
                    "serviceEnvironmentId": environment["id"],
                    "credentials": {"apiKey": secret.text},
                }
                auth_id = (await alice.post(AUTHS, wanted)).json["id"]

                async def call(operation: str, given: Any, name: str = name, auth_id: str = auth_id) -> Answer:
                    body = {"operation": operation, "input": given, "authId": auth_id}
                    return await alice.post(CALL.format(name=name, version="1.0"), body)

                for asked, answer in zip(CALLS, await asyncio.gather(*(call(*one) for one in CALLS)), strict=True):
                    assert answer.status != 200 or answer.json["outcome"] == "error", (asked, answer.body)
                    search.look_at(f"{shape} in the {name}, {asked}", answer)
                log = await alice.get(f"/v1/connectors/{name}/versions/1.0/log")
                search.look(f"{shape} in the {name}, its author's log", log.body)

    await search.look_behind(hub, alice, "".join(capsys.readouterr()), spans)
    assert search.leaks == [], search.told()
    assert search.answers == 30 * len(WAYS) * len(CALLS)


#: What a provider answers instead of tokens, with somebody's password in it.
REFUSALS: list[tuple[int, str]] = [
    (400, '{"error": "invalid_grant", "error_description": "%s"}'),
    (400, '{"error": "%s"}'),
    (401, '{"error": "invalid_client", "error_uri": "https://provider.example/?%s"}'),
    (500, "<html>%s</html>"),
    (200, '{"access_token": "\\n%s", "token_type": "bearer"}'),
    (200, "error=invalid_grant&error_description=%s"),
]


async def test_a_provider_that_refuses_does_not_make_us_tell(
    hub: Hub, alice: Person, capsys: pytest.CaptureFixture[str], talkative: None, spans: list[bytes]
) -> None:
    search = Search()
    with FakeOAuthProvider() as provider:
        service = {
            "name": "diary",
            "title": "Diary",
            "baseUrl": provider.url,
            "signIn": sign_in_to_json(provider.password_way()),
            "environments": [{"title": "Production", "clientId": "app", "clientSecret": search.secrets["hex"].text}],
        }
        environment = (await alice.post("/v1/services", service)).json["environments"][0]
        await put_in_place(hub, alice.organization_id, provider.url, name="diary", code=OPERATIONS)
        for (shape, secret), (status, body) in zip(search.secrets.items(), cycle(REFUSALS)):
            typed = {"username": "ann", "password": secret.text}
            wanted = {"name": "x", "serviceEnvironmentId": environment["id"], "credentials": typed}
            auth_id = (await alice.post(AUTHS, wanted)).json["id"]
            for _ in range(3):
                repeated = orjson.dumps(secret.text).decode()[1:-1]
                provider.answer_next_with(status, body % repeated)
            asked = {"operation": "ask", "input": {}, "authId": auth_id}
            search.look_at(f"{shape}, a call", await alice.post(CALL.format(name="diary", version="1.0"), asked))
            search.look_at(f"{shape}, in full", await alice.get(f"{AUTHS}/{auth_id}/full?forceRefresh=true"))

    await search.look_behind(hub, alice, "".join(capsys.readouterr()), spans)
    assert search.leaks == [], search.told()


PRICKLY = """
mutation($data: Json!) {
  createUserAuthentication(input: {name: "x", serviceId: "x", serviceEnvironmentId: "x", data: $data}) {
    authenticationId
  }
}
"""


async def test_graphql_does_not_repeat_what_does_not_fit(
    hub: Hub, alice: Person, capsys: pytest.CaptureFixture[str], talkative: None, spans: list[bytes]
) -> None:
    search = Search()
    for shape, secret in search.secrets.items():
        literal = orjson.dumps(secret.text).decode()
        documents: list[tuple[str, Any]] = [
            (PRICKLY, {"data": {"apiKey": secret.text}}),
            (PRICKLY, {"data": secret.text}),
            (PRICKLY.replace("Json!", "Int!"), {"data": secret.text}),
            (PRICKLY.replace("$data}", f"{literal}}}").replace("($data: Json!)", ""), {}),
            (f"{{ users(first: {literal}) {{ edges {{ node {{ id }} }} }} }}", {}),
            (f"{{ users(criteria: {{name: {literal}, nonsense: {literal}}}) {{ edges {{ node {{ id }} }} }} }}", {}),
            (f"{{ users(after: {literal}) {{ edges {{ node {{ id }} }} }} }}", {}),
            (f"{{ viewer {literal} }}", {}),
            (f"{{ viewer {{ details {{ name }} }} }} {literal}", {}),
            (literal, {}),
        ]
        for number, (document, variables) in enumerate(documents):
            answer = await alice.post("/graphql", {"query": document, "variables": variables})
            if "errors" in answer.json:
                search.look_at(f"{shape}, document {number}", answer)

    await search.look_behind(hub, alice, "".join(capsys.readouterr()), spans)
    assert search.leaks == [], search.told()
    assert search.answers > 30 * 8


async def test_the_dialogs_pages_do_not_show_a_secret_again(  # noqa: PLR0917
    hub: Hub, alice: Person, bob: Person, capsys: pytest.CaptureFixture[str], talkative: None, spans: list[bytes]
) -> None:
    search = Search()
    service = {
        "name": "shop",
        "title": "Shop",
        "baseUrl": "https://{shop}.example.com",
        "signIn": {"kind": "api_key", "name": "X-Key"},
    }
    environment_id = (await alice.post("/v1/services", service)).json["environments"][0]["id"]
    visitor = Visitor(alice.session)
    page = await visitor.open(link(code=await code_for(alice, bob), serviceEnvironmentId=environment_id))
    assert "credentials/apiKey" in page.fields, page.text
    for shape, secret in search.secrets.items():
        refused = await visitor.send(page, credentials_apiKey=secret.text, userData_shop="not/a/label" * 100)
        search.look(f"{shape}, {refused.status}", refused.text.encode() + str(dict(refused.headers)).encode())
        wrong = await visitor.post(page.action, {**page.fields, "csrf": secret.text, "secret": secret.text})
        search.look(f"{shape}, a wrong form, {wrong.status}", wrong.text.encode())
        lost = await visitor.open(f"/external/auth/create/acme?code={quote(secret.text)}")
        search.look(f"{shape}, a wrong code, {lost.status}", lost.text.encode())
        back = await visitor.open(f"/oauth2/token?code={quote(secret.text)}&state={quote(secret.text)}")
        search.look(f"{shape}, a wrong way back, {back.status}", back.text.encode())
    for shape in ("hex", "password with signs", "other letters", "very long"):  # each costs a password's hash
        member = {"email": "ann@example.com", "password": search.secrets[shape].text}
        search.look(f"{shape}, a wrong password", (await visitor.post("/sign-in", member)).text.encode())

    await search.look_behind(hub, alice, "".join(capsys.readouterr()), spans)
    assert search.leaks == [], search.told()
