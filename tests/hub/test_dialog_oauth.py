"""Consent through the dialog: to a provider and back, once, in the browser that went, and nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from examples.servers.plain_http import send
from jackfield.auth import sign_in_to_json
from jackfield.exchange import Request
from jackfield.oauth import OAuth1, SignatureMethod
from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person, end_user, front_door
from tests.hub.signed_in import register
from tests.hub.visitor import Page, Visitor, code_for, link
from tests.kit.oauth1_provider import oauth1_provider

AUTHS = "/core/v1/authentications"


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


@dataclass
class Stage:
    """Bob in front of a browser, about to sign in at a provider."""

    hub: Hub
    alice: Person
    bob: Person
    provider: FakeOAuthProvider
    environment_id: str
    visitor: Visitor

    async def enter(self, **query: str) -> Page:
        code = await code_for(self.alice, self.bob)
        return await self.visitor.open(link(code=code, serviceEnvironmentId=self.environment_id, **query))

    async def edit(self, auth_id: str, **query: str) -> Page:
        code = await code_for(self.alice, self.bob)
        return await self.visitor.open(link("edit", f"/{auth_id}", code=code, **query))

    async def leave(self, **query: str) -> str:
        """Return where the browser is sent for consent."""
        leaving = await self.visitor.send(await self.enter(**query))
        assert leaving.status == 200, leaving.text
        return leaving.leads_to

    async def callback(self, **query: str) -> str:
        """Agree, and return where the provider sends the browser back to."""
        return self.provider.consent(await self.leave(**query))

    async def sign_in(self, **query: str) -> str:
        """Go all the way, and return the new auth's id."""
        done = await self.visitor.open(await self.callback(**query))
        assert done.status == 200, done.text
        return done.message["authId"]

    async def full(self, auth_id: str) -> Any:
        return (await self.bob.get(f"{AUTHS}/{auth_id}/full")).json

    async def count_auths(self) -> int:
        answer = await self.bob.post("/graphql", {"query": "{ viewer { authentications { edges { node { id } } } } }"})
        return len(answer.json["data"]["viewer"]["authentications"]["edges"])


@pytest.fixture
async def stage(hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider) -> Stage:
    return Stage(hub, alice, bob, provider, await register(alice, provider), Visitor(alice.session))


def changed(url: str, **changes: str | None) -> str:
    """Return an address with other parameters; None leaves one out."""
    said = {**dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)), **changes}
    return f"{url.partition('?')[0]}?{urlencode({name: text for name, text in said.items() if text is not None})}"


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


async def test_somebody_consents_and_the_tokens_are_stored(stage: Stage) -> None:
    page = await stage.enter()
    assert "ask you for your consent" in page.text
    assert page.fields.keys() == {"form", "name"}

    leaving = await stage.visitor.send(page, name="My diary")
    sent = query_of(leaving.leads_to)
    assert leaving.leads_to.startswith(stage.provider.authorize_url)
    assert sent["redirect_uri"] == str(stage.alice.session._base_url).rstrip("/") + "/oauth2/token"
    assert sent["code_challenge_method"] == "S256"
    done = await stage.visitor.open(stage.provider.consent(leaving.leads_to))

    assert done.message["type"] == "tray.authpopup.finish"
    assert done.message["authType"] == "oauth"
    stored = await stage.full(done.message["authId"])
    assert stored["name"] == "My diary"
    answer = send(
        Request(
            "GET",
            stage.provider.resource_url,
            (("Authorization", f"Bearer {stored['credentials']['accessToken']}"),),
        )
    )
    assert answer.status == 200
    assert stored["credentials"]["refreshToken"]
    assert stored["credentials"]["expiresIn"] == 3600


async def test_scopes_are_those_asked_for_or_else_the_environments(stage: Stage) -> None:
    asked = await stage.leave(scopes="write")
    assert query_of(asked)["scope"] == "write"
    bare = await stage.leave(scopes="")
    assert query_of(bare)["scope"] == "read"

    auth_id = (await stage.visitor.open(stage.provider.consent(asked))).message["authId"]

    assert (await stage.full(auth_id))["scopes"] == ["write"]


async def test_a_state_works_once_even_under_twenty_parallel_callbacks(stage: Stage) -> None:
    callback = await stage.callback()

    answers = await asyncio.gather(*(stage.visitor.open(callback) for _ in range(20)))

    assert sorted(answer.status for answer in answers) == [200] + [400] * 19
    assert await stage.count_auths() == 1
    assert [seen.status for seen in stage.provider.token_requests] == [200]
    replayed = await stage.visitor.open(callback)
    assert (replayed.status, replayed.message["type"]) == (400, "tray.authPopup.error")


async def test_one_dialog_stores_one_auth_however_often_somebody_went_to_the_provider(stage: Stage) -> None:
    page = await stage.enter()
    first, second = [(await stage.visitor.send(page)).leads_to for _ in range(2)]

    done = await stage.visitor.open(stage.provider.consent(second))
    late = await stage.visitor.open(stage.provider.consent(first))

    assert (done.status, late.status) == (200, 403)
    assert await stage.count_auths() == 1


async def test_a_callback_in_another_browser_signs_nobody_in(stage: Stage) -> None:
    callback = await stage.callback()
    other = replace(stage, visitor=Visitor(stage.alice.session))
    await other.leave()

    stolen = await other.visitor.open(callback)

    assert (stolen.status, stage.provider.token_requests) == (400, [])
    assert (await stage.visitor.open(callback)).status == 200, "and the one it belongs to can still go on"


async def test_a_callback_ten_minutes_later_signs_nobody_in(stage: Stage) -> None:
    callback, now = await stage.callback(), stage.hub.clock()

    stage.hub.clock = lambda: now + 601

    assert (await stage.visitor.open(callback)).status == 400
    assert stage.provider.token_requests == []


PLANTED = "planted-secret-4711"
CALLBACKS: list[dict[str, str | None]] = [
    {"state": None},
    {"state": ""},
    {"state": "other"},
    {"state": "\x00"},
    {"state": "é"},
    {"state": "\ud83d"},
    {"state": "x" * 10_000},
    {"state": "' OR 1=1 --"},
    {"state": None, "error": "access_denied"},
    {"code": None},
    {"code": ""},
    {"code": PLANTED},
    {"code": "\r\nX: 1"},
    {"code": "x" * 20_000},
    {"iss": None},
    {"iss": ""},
    {"iss": "https://evil.example"},
    {"iss": "HTTP://127.0.0.1"},
    {"iss": "null"},
    {"error": "access_denied"},
    {"error": "access_denied", "code": None},
    {"error": "access_denied", "error_description": PLANTED},
    {"error": "invalid_request"},
    {"error": "unauthorized_client"},
    {"error": "unsupported_response_type"},
    {"error": "invalid_scope"},
    {"error": "server_error"},
    {"error": "temporarily_unavailable"},
    {"error": "login_required"},
    {"error": "consent_required"},
    {"error": "interaction_required"},
    {"error": PLANTED},
    {"error": "<script>alert(1)</script>"},
    {"error": ""},
    {"error": "x" * 5_000},
    {"error": "access_denied", "iss": "https://evil.example"},
    {"error": "access_denied", "error_uri": f"javascript:{PLANTED}"},
]
REPEATED = [
    "&state=other",
    "&code=other",
    "&iss=other",
    "&error=access_denied&error=server_error",
    "&state",
    "&code",
    "&%73tate=other",
    "&c%6Fde=other",
    "&" + "&".join(f"more{number}=1" for number in range(3000)),
]


async def test_a_callback_that_proves_nothing_signs_nobody_in_and_repeats_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    page = await stage.enter()
    for wrong in [*CALLBACKS, *REPEATED]:
        callback = stage.provider.consent((await stage.visitor.send(page)).leads_to)
        url = callback + wrong if isinstance(wrong, str) else _raw(callback, wrong)

        answer = await stage.visitor.open(url)

        assert answer.status in (400, 403, 431), wrong
        if answer.status != 431:
            assert answer.message["type"] == "tray.authPopup.error", wrong
            assert PLANTED not in answer.text
            assert "<script>alert" not in answer.text
    assert await stage.count_auths() == 0
    assert PLANTED not in capsys.readouterr().err


def _raw(callback: str, wrong: dict[str, str | None]) -> str:
    half = {name: text for name, text in wrong.items() if text is not None and "\ud83d" in text}
    url = changed(callback, **{name: text for name, text in wrong.items() if name not in half})
    return url if not half else changed(url, state=None) + "&state=%ED%A0%BD"


async def test_callbacks_with_other_ways_to_write_them_are_refused_or_mean_the_same(stage: Stage) -> None:
    for path in ("/oauth2/token", "/oauth2/token?", "/oauth2/token?code", "/oauth2/token?=", "/oauth2/token?&&&"):
        assert (await stage.visitor.open(path)).status == 400, path
    for path in ("/oauth2/token/", "/OAUTH2/token", "/oauth2//token"):
        assert (await stage.visitor.session.get(path)).status == 404, path
    assert (await stage.visitor.session.post("/oauth2/token")).status == 405


async def test_another_provider_than_the_one_asked_is_not_believed(stage: Stage) -> None:
    with FakeOAuthProvider() as other:
        callback = changed(await stage.callback(), iss=other.url)

        answer = await stage.visitor.open(callback)

        assert (answer.status, stage.provider.token_requests, other.token_requests) == (400, [], [])
        assert "Another provider" in answer.message["error"]


async def test_whoever_says_no_can_try_again_with_what_they_had_filled_in(stage: Stage) -> None:
    stage.provider.habits.denies_consent = True
    leaving = await stage.visitor.send(await stage.enter(), name="Mine")

    refused = await stage.visitor.open(stage.provider.consent(leaving.leads_to))

    assert refused.message == {"type": "tray.authPopup.error", "error": "The provider says that access was denied."}
    back = leaving.path.split("?")[0]
    assert f'href="{back}"' in refused.text
    again = await stage.visitor.open(back)
    assert again.fields["name"] == "Mine"
    stage.provider.habits.denies_consent = False
    leaving = await stage.visitor.send(again)
    assert (await stage.visitor.open(stage.provider.consent(leaving.leads_to))).message["authId"]


async def test_a_provider_that_gives_no_token_is_told_of(stage: Stage) -> None:
    for status, body, said in (
        (400, {"error": "invalid_grant", "error_description": PLANTED}, "invalid_grant"),
        (401, {"error": "invalid_client"}, "client id and secret"),
        (500, "<html>", "HTTP 500"),
        (200, "no json", "no access token"),
    ):
        callback = await stage.callback()
        for _ in range(5):
            stage.provider.answer_next_with(status, body)

        answer = await stage.visitor.open(callback)
        stage.provider._answers_to_come.clear()

        assert answer.status == 400
        assert said in answer.message["error"]
        assert PLANTED not in answer.text
    assert await stage.count_auths() == 0


async def test_without_a_client_the_form_says_what_is_missing(stage: Stage) -> None:
    service = {"name": "bare", "title": "Bare", "baseUrl": stage.provider.url}
    way = sign_in_to_json(stage.provider.way())
    answer = await stage.alice.post("/v1/services", {**service, "signIn": way})
    bare = replace(stage, environment_id=answer.json["environments"][0]["id"])

    page = await bare.visitor.send(await bare.enter())

    assert page.status == 400
    assert "No OAuth client is registered" in page.text


async def test_an_auth_that_is_signed_in_gets_another_name_without_the_provider(stage: Stage) -> None:
    auth_id = await stage.sign_in()
    before = await stage.full(auth_id)

    done = await stage.visitor.send(await stage.edit(auth_id), name="Other")

    assert done.message == {"type": "tray.authpopup.finish", "authType": "oauth", "authId": auth_id}
    after = await stage.full(auth_id)
    assert after["name"] == "Other"
    assert after["credentials"] == before["credentials"]


async def test_signing_in_again_asks_for_old_and_new_scopes_and_replaces_the_tokens(stage: Stage) -> None:
    auth_id = await stage.sign_in(scopes="write")
    before = await stage.full(auth_id)

    leaving = await stage.visitor.send(await stage.edit(auth_id, scopes="delete"), signInAgain="on")
    assert query_of(leaving.leads_to)["scope"] == "write delete"
    done = await stage.visitor.open(stage.provider.consent(leaving.leads_to))

    assert done.message["authId"] == auth_id
    after = await stage.full(auth_id)
    assert after["scopes"] == ["write", "delete"]
    assert after["credentials"]["refreshToken"] != before["credentials"]["refreshToken"]
    assert await stage.count_auths() == 1


async def test_user_data_says_where_the_provider_is_and_changing_it_means_signing_in_again(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider
) -> None:
    # The client is the auth's own here: a service's secret is not sent to any address that somebody types in.
    way = provider.way(authorize_url="{server}/authorize", token_url="{server}/token", issuer="", client_owner="auth")
    service = {"name": "any", "title": "Any", "baseUrl": "{server}", "signIn": sign_in_to_json(way)}
    environment_id = (await alice.post("/v1/services", service)).json["environments"][0]["id"]
    stage = Stage(hub, alice, bob, provider, environment_id, Visitor(alice.session))
    page = await stage.enter()
    assert page.fields.keys() == {
        "form",
        "name",
        "userData/server",
        "credentials/clientId",
        "credentials/clientSecret",
    }
    client = {
        "credentials/clientId": provider.client.client_id,
        "credentials/clientSecret": provider.client.client_secret,
    }

    page.fields |= client
    wrong = await stage.visitor.send(page, userData_server="ftp://x")
    assert "must be an address such as" in wrong.problem("userData/server")
    leaving = await stage.visitor.send(page, userData_server=provider.url)
    done = await stage.visitor.open(provider.consent(leaving.leads_to))

    auth_id = done.message["authId"]
    stored = await stage.full(auth_id)
    assert stored["userData"] == {"server": provider.url}
    assert stored["credentials"]["clientSecret"] == provider.client.client_secret
    elsewhere = provider.url.replace("127.0.0.1", "localhost")
    leaving = await stage.visitor.send(await stage.edit(auth_id), userData_server=elsewhere)
    assert leaving.leads_to.startswith(elsewhere)


async def test_neither_code_nor_state_nor_token_is_in_the_log_or_the_database(
    stage: Stage, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    leaving = await stage.visitor.send(await stage.enter())
    secrets = [*stage.visitor.cookies.values(), query_of(leaving.leads_to)["state"]]
    callback = stage.provider.consent(leaving.leads_to)
    done = await stage.visitor.open(callback)
    said = capsys.readouterr().err
    secrets += [query_of(callback)["code"], stage.provider.token_requests[0].parameters["code_verifier"]]
    secrets += list((await stage.full(done.message["authId"]))["credentials"].values())[:2]

    files = [path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file()]
    for secret in secrets:
        assert secret not in said
        assert secret not in done.text
        assert not any(secret.encode() in content for content in files)
    assert [json.loads(line)["route"] for line in said.splitlines() if '"request"' in line][-1] == "/oauth2/token"


@pytest.fixture
def secure(settings: Settings) -> Settings:
    """A hub behind a proxy that speaks TLS, for one site only."""
    return settings.model_copy(update={"public_url": "https://hub.example", "dialog_origins": ("https://app.example",)})


@asynccontextmanager
async def behind_tls(stage: Stage, secure: Settings) -> AsyncGenerator[Stage]:
    stage.hub.settings = secure
    async with front_door(stage.hub) as session:
        yield replace(stage, visitor=Visitor(session))


async def test_behind_tls_cookies_work_in_frames_and_no_other_host_can_set_them(stage: Stage, secure: Settings) -> None:
    async with behind_tls(stage, secure) as there:
        code = await code_for(stage.alice, stage.bob)
        address = link(code=code, serviceEnvironmentId=stage.environment_id)
        async with there.visitor.session.get(address, allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-jackfield-dialog-")
        assert cookie.endswith("; HttpOnly; SameSite=None; Secure; Partitioned")

        page = await there.enter()
        assert page.headers["Content-Security-Policy"].endswith("frame-ancestors https://app.example")
        assert page.origins == ["https://app.example"]
        leaving = await there.visitor.send(page)
        assert query_of(leaving.leads_to)["redirect_uri"] == "https://hub.example/oauth2/token"
        callback = stage.provider.consent(leaving.leads_to)
        tossed = Visitor(
            there.visitor.session, {name.removeprefix("__Host-"): text for name, text in there.visitor.cookies.items()}
        )
        assert (await tossed.open(callback)).status == 400
        assert (await there.visitor.open(callback)).message["authId"]


async def test_charlie_cannot_finish_what_bob_has_begun(stage: Stage, charlie: Person) -> None:
    dan = await end_user(stage.hub, charlie, "dan")
    environment_id = await register(charlie, stage.provider)
    theirs = Stage(stage.hub, charlie, dan, stage.provider, environment_id, Visitor(charlie.session))
    await theirs.leave()

    answer = await theirs.visitor.open(await stage.callback())

    assert answer.status == 400
    assert (await stage.count_auths(), await theirs.count_auths()) == (0, 0)


async def test_oauth_1_goes_the_same_way(stage: Stage, secure: Settings) -> None:
    with oauth1_provider() as (origin, known):
        way = OAuth1(
            request_url=f"{origin}/request",
            authorize_url=f"{origin}/authorize",
            access_url=f"{origin}/access",
            signature=SignatureMethod.HMAC_SHA256,
        )
        client = {"title": "Production", "clientId": known.client_key, "clientSecret": known.client_secret}
        service = {"name": "old", "title": "Old", "baseUrl": origin, "environments": [client]}
        answer = await stage.alice.post("/v1/services", {**service, "signIn": sign_in_to_json(way)})
        old = replace(stage, environment_id=answer.json["environments"][0]["id"])
        async with behind_tls(old, secure) as there:
            for wrong in ({"oauth_token": "other"}, {"oauth_verifier": None}, {"state": None}, {"denied": "x"}):
                callback = send(Request("GET", await there.leave())).header("Location") or ""
                assert (await there.visitor.open(changed(callback, **wrong))).status == 400, wrong

            callback = send(Request("GET", await there.leave())).header("Location") or ""
            done = await there.visitor.open(callback)

    assert done.message["authType"] == "oauth"
    stored = (await stage.full(done.message["authId"]))["credentials"]
    assert stored["accessTokenSecret"] == known.access[stored["accessToken"]]
