"""To the provider's consent page and back, for the ways to sign in that need a person's consent.

    begin ── state and verifier, sealed ──> provider ── callback ──> complete ── code exchanged ──> credentials

A callback counts once, within ten minutes, and only in the browser that was sent away: it holds a cookie for it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from jackfield.credentials import with_query
from jackfield.egress.grant import Grant
from jackfield.egress.policy import HostRule, parse_url
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject, Request, Response
from jackfield.oauth import Client, OAuth1, OAuth2Code
from jackfield.oauth.authorization import authorization_url, new_state, new_verifier, read_callback
from jackfield.oauth.errors import CallbackRefused
from jackfield.oauth.oauth1 import (
    access_request,
    consent_url,
    read_access_token,
    read_temporary_token,
    read_verifier,
    temporary_request,
)
from jackfield.oauth.signature import Token
from jackfield.oauth.token_answers import Tokens, read_token_answer
from jackfield.oauth.token_requests import client_of, code_request
from jackfield_hub.auths.sealing import newest_data_key, open_json, seal_json
from jackfield_hub.auths.vault import DoesNotOpen
from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.dialog import store
from jackfield_hub.dialog.service import DRAFT, find_dialog, find_subject
from jackfield_hub.dialog.shapes import Departure, Dialog, DialogOver, Draft, NotSignedIn, State, Subject
from jackfield_hub.hub import Hub
from jackfield_hub.identity.tokens import digest_of

REDIRECT_PATH = "/oauth2/token"  # the public API's: providers have it registered
STATE_SECONDS = 10 * 60.0
PROVIDER_SECONDS = 30.0  # somebody is waiting in front of a page
MAX_QUERY_CHARACTERS = 16_384
_SECRETS = "secrets"  # the field of a state that is sealed
_NOT_OURS = "This sign-in was not started here, or has been used already. Start again."


@dataclass(frozen=True, slots=True)
class Consented:
    """A person is back with credentials, which are not stored yet."""

    dialog: Dialog
    subject: Subject
    draft: Draft  #: what was filled in, with the provider's tokens among the credentials
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Luggage:
    """What the exchange of the code needs, sealed while its owner is away."""

    state: str = field(repr=False)
    redirect_uri: str
    draft: Draft
    verifier: str = field(default="", repr=False)
    temporary_token: str = field(default="", repr=False)
    temporary_secret: str = field(default="", repr=False)


def cookie_of(state_hash: str) -> str:
    """Return the name of the cookie that belongs to a state: a browser may be away to several providers."""
    return f"jackfield-consent-{state_hash[:16]}"


async def begin(hub: Hub, dialog: Dialog, subject: Subject, draft: Draft, origin: str) -> Departure:
    """Return where to send the browser. Raises OperationError when there is no client, or the provider refuses.

    `origin` is where browsers find this hub, for example `https://hub.example.com`.
    """
    trip, state, redirect_uri = _Trip(hub, dialog, subject, draft), new_state(), origin + REDIRECT_PATH
    if isinstance(subject.sign_in, OAuth2Code):
        luggage = _Luggage(state, redirect_uri, draft, verifier=new_verifier())
        url = _authorization_url(trip, subject.sign_in, luggage)
    else:
        assert isinstance(subject.sign_in, OAuth1), "no other way needs consent"
        token = await _temporary_token(trip, subject.sign_in, with_query(redirect_uri, {"state": state}))
        luggage = _Luggage(state, redirect_uri, draft, temporary_token=token.token, temporary_secret=token.secret)
        url = consent_url(subject.sign_in, token, trip.user_data)
    secret, state_hash = secrets.token_urlsafe(32), digest_of(state).hex()
    await _store(trip, luggage, state_hash, secret)
    return Departure(url, cookie_of(state_hash), secret)


async def complete(hub: Hub, query: str, cookies: Mapping[str, str]) -> Consented:
    """Return what a callback brings. Raises NotSignedIn, DialogOver; the state is used up either way."""
    state_hash = digest_of(_state_in(query)).hex()
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        browser_hash = digest_of(cookies.get(cookie_of(state_hash), "")).hex()
        state = await store.use_state(tx, state_hash, browser_hash, hub.clock())
    if state is None:
        raise NotSignedIn(_NOT_OURS)
    dialog, _ = await find_dialog(hub, state.dialog_id)
    if dialog.is_finished:
        raise DialogOver
    luggage = _open(hub, state)
    trip = _Trip(hub, dialog, await find_subject(hub, dialog), luggage.draft)
    try:
        return await _arrive(trip, luggage, query)
    except (CallbackRefused, OperationError) as problem:
        raise NotSignedIn(problem.message, dialog.dialog_id) from None


@dataclass(frozen=True, slots=True)
class _Trip:
    """Somebody on their way to a provider, or back."""

    hub: Hub
    dialog: Dialog
    subject: Subject
    draft: Draft

    @property
    def user_data(self) -> dict[str, Any]:
        return self.subject.user_data(self.draft.user_data)

    @property
    def scopes(self) -> Sequence[str] | None:
        """What is asked for; None: what the sign-in says."""
        return self.dialog.scopes or tuple(one["scope"] for one in self.subject.environment.scopes) or None

    def client(self, way: OAuth2Code | OAuth1) -> Client:
        """Return the client to show there. Raises InvalidClient."""
        return client_of(way, self.draft.credentials, self.subject.opened.client)

    async def send(self, request: Request) -> Response:
        # Its own grant: this endpoint and nothing else. Connectors may not reach it, if it is not one of their hosts.
        grant = Grant(
            (HostRule.parse(parse_url(request.url).origin),),
            addresses=self.hub.addresses,
            owner=self.dialog.caller.organization_id,
        )
        return await self.hub.egress.send(request, grant, time.monotonic() + PROVIDER_SECONDS)


async def _arrive(trip: _Trip, luggage: _Luggage, query: str) -> Consented:
    way, draft, scopes = trip.subject.sign_in, trip.draft, trip.dialog.scopes
    if isinstance(way, OAuth2Code):
        tokens = await _exchange_code(trip, way, luggage, query)
        credentials, scopes = tokens.merged_into(draft.credentials), tokens.scopes
    elif isinstance(way, OAuth1):
        credentials = {**draft.credentials, **await _exchange_verifier(trip, way, luggage, query)}
    else:
        raise DialogOver  # the service has got another way to sign in since
    return Consented(trip.dialog, trip.subject, replace(draft, credentials=credentials), scopes)


def _authorization_url(trip: _Trip, way: OAuth2Code, luggage: _Luggage) -> str:
    return authorization_url(
        way,
        trip.client(way),
        redirect_uri=luggage.redirect_uri,
        state=luggage.state,
        verifier=luggage.verifier,
        scopes=trip.scopes,
        user_data=trip.user_data,
    )


async def _exchange_code(trip: _Trip, way: OAuth2Code, luggage: _Luggage, query: str) -> Tokens:
    request = code_request(
        way,
        trip.client(way),
        code=read_callback(query, state=luggage.state, issuer=way.issuer),
        redirect_uri=luggage.redirect_uri,
        verifier=luggage.verifier,
        user_data=trip.user_data,
    )
    sent_at = trip.hub.clock()
    return read_token_answer(way, await trip.send(request), sent_at, trip.scopes)


async def _temporary_token(trip: _Trip, way: OAuth1, callback_url: str) -> Token:
    request = temporary_request(way, trip.client(way), callback_url=callback_url, user_data=trip.user_data)
    return read_temporary_token(way, await trip.send(request))


async def _exchange_verifier(trip: _Trip, way: OAuth1, luggage: _Luggage, query: str) -> JsonObject:
    temporary = Token(luggage.temporary_token, luggage.temporary_secret)
    verifier = read_verifier(query, temporary)
    request = access_request(way, trip.client(way), temporary, verifier, user_data=trip.user_data)
    return read_access_token(way, await trip.send(request))


async def _store(trip: _Trip, luggage: _Luggage, state_hash: str, secret: str) -> None:
    hub, dialog_id = trip.hub, trip.dialog.dialog_id
    organization_id, now = trip.dialog.caller.organization_id, hub.clock()
    async with hub.database.transaction(organization_id) as tx:
        key = await newest_data_key(hub.vault, tx, organization_id, now)
        draft = seal_json(hub.vault, key, dialog_id, DRAFT, asdict(luggage.draft))
        await store.update_dialog(tx, organization_id, dialog_id, draft=draft, key_id=key.key_id)
        await store.insert_state(
            tx,
            hash=state_hash,
            organization_id=organization_id,
            dialog_id=dialog_id,
            browser_hash=digest_of(secret).hex(),
            secrets=seal_json(hub.vault, key, state_hash, _SECRETS, asdict(luggage)),
            key_id=key.key_id,
            created_at=now,
            expires_at=now + STATE_SECONDS,
        )


def _open(hub: Hub, state: State) -> _Luggage:
    try:
        said = open_json(hub.vault, state.secrets.key, state.state_hash, _SECRETS, state.secrets.content)
    except DoesNotOpen:
        raise DialogOver from None
    said["draft"] = Draft(**said["draft"])
    return _Luggage(**said)


def _state_in(query: str) -> str:
    """Return the one state of a callback. Raises NotSignedIn: without it the callback is nobody's."""
    if len(query) > MAX_QUERY_CHARACTERS:
        raise NotSignedIn(_NOT_OURS)
    states = [value for name, value in parse_qsl(query, errors="replace") if name == "state"]
    if len(states) != 1:
        raise NotSignedIn(_NOT_OURS)
    return states[0]
