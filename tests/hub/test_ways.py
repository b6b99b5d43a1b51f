"""Calls with every way to sign in that has a token, from the stored credentials to the signed request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from jackfield.auth import sign_in_to_json
from jackfield.oauth import ClientOwner, OAuth1, OAuth2ClientCredentials, TokenRequest
from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.signed_in import AUTHS
from tests.kit.oauth1_provider import oauth1_provider

CALL = "/core/v1/connectors/diary/versions/1.0/call"

OPERATIONS = '''
"""All operations of the diary."""

from dataclasses import dataclass

from jackfield import Http, UserData

from {package}.connector import shop as diary


@diary.operation
def whose(http: Http) -> dict:
    """Say whose diary it is."""
    return http.get("/resource").json()


@diary.operation
def show(http: Http, user_data: UserData) -> dict:
    """Show what the service says, and what the auth's owner has said."""
    return {{"text": http.get("/whoami?a=b%20c").text, "user_data": dict(user_data)}}


@dataclass
class TokenWanted:
    auth_form_input: dict[str, str]


@diary.private(name="#token_request")
def token_request(wanted: TokenWanted, http: Http) -> dict:
    """Sign in the diary's own way."""
    typed = wanted.auth_form_input
    form = {{"grant_type": "password", "username": typed["user"], "password": typed["password"]}}
    form |= {{"client_id": typed["app"], "client_secret": typed["seal"]}}
    answer = http.post("/token", form=form, accept=(400, 401))
    return {{"status_code": answer.status, "headers": {{}}, "body": answer.json()}}


@diary.private(name="#busy_request")
def busy_request(wanted: TokenWanted, http: Http) -> dict:
    """Be told to wait, and pass that on."""
    if wanted.auth_form_input["user"] == "alice":
        return http.post("/busy").json()
    answer = http.post("/busy", accept=(429,))
    pause = answer.headers.get("Retry-After")
    return {{"status_code": answer.status, "headers": {{"Retry-After": pause}}, "body": {{}}}}
'''


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"renewal_courier": False, "sign_in_doubt_seconds": 0.3})


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


async def set_up(hub: Hub, alice: Person, url: str, way: Any, **more: Any) -> str:
    """Register the diary with this way to sign in, and deploy a connector to it; return the environment's id."""
    service = {"name": "diary", "title": "Diary", "baseUrl": url, "signIn": sign_in_to_json(way), **more}
    made = await alice.post("/v1/services", service)
    assert made.status == 200, made.body
    await put_in_place(hub, alice.organization_id, url, name="diary", code=OPERATIONS)
    return made.json["environments"][0]["id"]


async def store(person: Person, environment_id: str, credentials: dict[str, Any], **more: Any) -> str:
    wanted = {"name": "Mine", "serviceEnvironmentId": environment_id, "credentials": credentials, **more}
    answer = await person.post(AUTHS, wanted)
    assert answer.status == 200, answer.body
    return answer.json["id"]


async def call(person: Person, auth_id: str, operation: str = "whose") -> Any:
    answer = await person.post(CALL, {"operation": operation, "input": {}, "authId": auth_id})
    assert answer.status == 200, answer.body
    return answer.json["output"]


def app_of(provider: FakeOAuthProvider) -> list[dict[str, str]]:
    client = provider.client
    return [{"title": "Production", "clientId": client.client_id, "clientSecret": client.client_secret}]


async def test_a_name_and_password_get_a_token_when_it_is_needed(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider
) -> None:
    environment_id = await set_up(hub, alice, provider.url, provider.password_way(), environments=app_of(provider))
    auth_id = await store(bob, environment_id, {"username": "alice", "password": "wonderland"})

    assert (await call(bob, auth_id))["subject"] == "alice"
    provider.revoke_everything()
    full = (await bob.get(f"{AUTHS}/{auth_id}/full?forceRefresh=true")).json

    assert full["credentials"]["password"] == "wonderland"
    assert (await call(bob, auth_id))["subject"] == "alice"
    assert [one.grant_type for one in provider.token_requests] == ["password", "refresh_token", "password"]


async def test_a_wrong_password_is_the_owners_to_mend(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider
) -> None:
    environment_id = await set_up(hub, alice, provider.url, provider.password_way(), environments=app_of(provider))
    auth_id = await store(bob, environment_id, {"username": "alice", "password": "wrong"})

    assert (await call(bob, auth_id))["kind"] == "InvalidGrant"


async def test_a_machine_signs_in_as_itself(hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider) -> None:
    way = provider.machine_way(client_owner=ClientOwner.AUTH)
    client = provider.client
    environment_id = await set_up(hub, alice, provider.url, way)
    auth_id = await store(
        bob, environment_id, {"clientId": client.client_id, "clientSecret": client.client_secret}, scopes=["read"]
    )

    outputs = await asyncio.gather(*(call(bob, auth_id) for _ in range(10)))

    assert outputs == [{"subject": client.client_id, "scopes": ["read"]}] * 10
    assert [one.grant_type for one in provider.token_requests] == ["client_credentials"]


@pytest.mark.parametrize("owner", ClientOwner)
async def test_whoever_keeps_the_wrong_client_is_told_to_look_at_it(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider, owner: ClientOwner
) -> None:
    place = {ClientOwner.AUTH: "this authentication", ClientOwner.SERVICE: "the service's OAuth settings"}
    wrong = {"clientId": provider.client.client_id, "clientSecret": "wrong"}
    app = {"environments": [{"title": "Production", **wrong}]} if owner is ClientOwner.SERVICE else {}
    environment_id = await set_up(hub, alice, provider.url, provider.machine_way(client_owner=owner), **app)
    auth_id = await store(bob, environment_id, wrong if owner is ClientOwner.AUTH else {})

    output = await call(bob, auth_id)

    assert output["kind"] == "InvalidClient"
    assert f"check the client id and secret of {place[owner]}." in output["message"]


async def test_without_an_oauth_app_the_call_says_what_is_missing(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider
) -> None:
    environment_id = await set_up(hub, alice, provider.url, provider.password_way())
    auth_id = await store(bob, environment_id, {"username": "alice", "password": "wonderland"})

    output = await call(bob, auth_id)

    assert (output["kind"], provider.token_requests) == ("InvalidClient", [])
    assert "Give its environment one" in output["message"]


async def test_a_connectors_own_operation_gets_the_token(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider
) -> None:
    provider.habits.client_place = provider.habits.client_place.BODY
    client = provider.client
    way = TokenRequest(fields=["user", "password", "app", "seal"], secret_fields=["password", "seal"])
    environment_id = await set_up(
        hub,
        alice,
        provider.url,
        way,
        properties=[
            {"key": "app", "title": "App", "scope": "app"},
            {"key": "seal", "title": "Seal", "scope": "app", "masked": True},
        ],
        environments=[{"title": "Production", "properties": {"app": client.client_id, "seal": client.client_secret}}],
    )
    auth_id = await store(bob, environment_id, {"user": "alice", "password": "wonderland"})

    assert (await call(bob, auth_id))["subject"] == "alice"
    assert (await call(bob, auth_id))["subject"] == "alice"

    assert [one.grant_type for one in provider.token_requests] == ["password"]
    credentials = (await bob.get(f"{AUTHS}/{auth_id}/full")).json["credentials"]
    assert credentials.keys() >= {"user", "password", "accessToken", "expiresAt"}
    assert "seal" not in credentials, "what belongs to the environment is not shown with an auth"


async def test_a_token_operation_that_is_refused_is_an_outcome(
    hub: Hub, alice: Person, bob: Person, provider: FakeOAuthProvider
) -> None:
    way = TokenRequest(fields=["user", "password", "app", "seal"], secret_fields=["password", "seal"])
    environment_id = await set_up(hub, alice, provider.url, way)
    typed = {"user": "alice", "password": "wonderland", "app": "nobody", "seal": "nothing"}
    auth_id = await store(bob, environment_id, typed)

    output = await call(bob, auth_id)

    assert (output["code"], output["kind"]) == ("#oauth_refresh", "InvalidClient")


@asynccontextmanager
async def busy_provider(seconds: int) -> AsyncGenerator[str]:
    """Run one that tells everybody to come back later."""

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": "later"}, status=429, headers={"Retry-After": str(seconds)})

    app = web.Application()
    app.router.add_post("/busy", refuse)
    app.router.add_post("/token", refuse)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("way", ["raised by the operation", "returned by the operation", "asked by the hub"])
async def test_how_long_a_provider_wants_nobody_to_sign_in_is_said_to_whoever_calls(
    hub: Hub, alice: Person, bob: Person, way: str
) -> None:
    async with busy_provider(90) as url:
        if way == "asked by the hub":
            sign_in: Any = OAuth2ClientCredentials(token_url=f"{url}/token")
            typed = {"clientId": "app", "clientSecret": "seal"}
        else:
            sign_in = TokenRequest(operation="#busy_request", fields=["user"])
            typed = {"user": "alice" if way == "raised by the operation" else "bob"}
        environment_id = await set_up(hub, alice, url, sign_in)
        auth_id = await store(bob, environment_id, typed)

        outputs = [await call(bob, auth_id) for _ in range(2)]
        shown = await bob.get(f"{AUTHS}/{auth_id}/full?forceRefresh=true")

    assert [output["kind"] for output in outputs] == ["ProviderBroken"] * 2
    assert all(60 < output["retryAfterSeconds"] <= 90 for output in outputs)
    assert (shown.status, shown.json["code"]) == (502, "not_renewed")
    assert 60 < int(shown.headers["Retry-After"]) <= 90


async def test_requests_are_signed_with_oauth_1(hub: Hub, alice: Person, bob: Person) -> None:
    with oauth1_provider() as (url, known):
        way = OAuth1(request_url=f"{url}/request", authorize_url=f"{url}/authorize", access_url=f"{url}/access")
        app = {"title": "Production", "clientId": known.client_key, "clientSecret": known.client_secret}
        environment_id = await set_up(hub, alice, url, way, environments=[app])
        known.access["token & söhne"] = "t+k=n"
        auth_id = await store(bob, environment_id, {"accessToken": "token & söhne", "accessTokenSecret": "t+k=n"})
        wrong = await store(bob, environment_id, {"accessToken": "token & söhne", "accessTokenSecret": "another"})

        assert (await call(bob, auth_id, "show"))["text"] == "signed=True"
        assert (await call(bob, wrong, "show"))["kind"] == "NotSignedIn"


async def test_what_the_environment_knows_reaches_the_handler(hub: Hub, alice: Person, bob: Person) -> None:
    with oauth1_provider() as (url, known):
        way = OAuth1(request_url=f"{url}/request", authorize_url=f"{url}/authorize", access_url=f"{url}/access")
        app = {"title": "Production", "clientId": known.client_key, "clientSecret": known.client_secret}
        properties = [
            {"key": "region", "title": "Region", "scope": "app"},
            {"key": "team", "title": "Team"},
        ]
        environments = [{**app, "properties": {"region": "eu"}}]
        environment_id = await set_up(hub, alice, url, way, properties=properties, environments=environments)
        known.access["t"] = "s"
        credentials = {"accessToken": "t", "accessTokenSecret": "s"}
        auth_id = await store(bob, environment_id, credentials, userData={"team": "blue"})

        assert (await call(bob, auth_id, "show"))["user_data"] == {"region": "eu", "team": "blue"}
