"""A service whose people sign in at the fake provider, and auths for it: stored as if they had just done so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from examples.servers.plain_http import send
from jackfield.auth import sign_in_to_json
from jackfield.exchange import JsonObject, Request
from jackfield.oauth.authorization import authorization_url, new_state, new_verifier, read_callback
from jackfield.oauth.token_answers import read_token_answer
from jackfield.oauth.token_requests import code_request
from jackfield.oauth.ways import OAuth2Code
from jackfield.testing_oauth import FakeOAuthProvider
from tests.hub.people import Person

AUTHS = "/core/v1/authentications"
BACK = "http://127.0.0.1:9/back"


@dataclass(frozen=True)
class SignedIn:
    """An auth, its owner and its provider."""

    provider: FakeOAuthProvider
    person: Person
    auth_id: str

    async def full(self, **query: str) -> JsonObject:
        answer = await self.person.get(f"{AUTHS}/{self.auth_id}/full?{urlencode(query)}")
        assert answer.status == 200, answer.body
        return answer.json

    async def access_token(self) -> str:
        return (await self.full())["credentials"]["accessToken"]


async def register(person: Person, provider: FakeOAuthProvider, name: str = "diary", **more: Any) -> str:
    """Register the provider's own API as a service, with its OAuth app; return the id of its environment."""
    client = provider.client
    service = {
        "name": name,
        "title": "Diary",
        "baseUrl": provider.url,
        "signIn": sign_in_to_json(provider.way(scopes=("read",))),
        "environments": [
            {"title": "Production", "clientId": client.client_id, "clientSecret": client.client_secret},
        ],
        **more,
    }
    answer = await person.post("/v1/services", service)
    assert answer.status == 200, answer.body
    return answer.json["environments"][0]["id"]


async def sign_in(person: Person, provider: FakeOAuthProvider, environment_id: str, **more: Any) -> SignedIn:
    """Store what the dialog would store once somebody has consented; `more` changes the credentials."""
    wanted = {
        "name": "My diary",
        "serviceEnvironmentId": environment_id,
        "credentials": {**consented(provider), **more},
    }
    answer = await person.post(AUTHS, wanted)
    assert answer.status == 200, answer.body
    return SignedIn(provider, person, answer.json["id"])


def consented(provider: FakeOAuthProvider) -> JsonObject:
    """Return the credentials of somebody who has just agreed."""
    way: OAuth2Code = provider.way(scopes=("read",))
    state, verifier = new_state(), new_verifier()
    url = authorization_url(way, provider.client, redirect_uri=BACK, state=state, verifier=verifier)
    code = read_callback(urlsplit(provider.consent(url)).query, state=state, issuer=provider.url)
    request: Request = code_request(way, provider.client, code=code, redirect_uri=BACK, verifier=verifier)
    return read_token_answer(way, send(request), time.time()).merged_into({})
