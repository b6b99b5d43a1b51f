"""Asking a provider for an access token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import AddressPolicy, HostRule, parse_url
from jackfield.errors import NoAnswer
from jackfield.exchange import JsonObject, Response
from jackfield.oauth.errors import InvalidGrant, NoRefreshToken, ProviderBroken
from jackfield.oauth.token_answers import read_token_answer
from jackfield.oauth.token_requests import client_of, renewal_request
from jackfield.oauth.ways import OAuth2, OAuth2Code, TokenHolder, TokenRequest
from jackfield_hub.auths.shapes import OpenedAuth
from jackfield_hub.auths.vault import Vault
from jackfield_hub.database import Database
from jackfield_hub.settings import Settings

PROVIDER_SECONDS = 60.0  # the slowest provider we wait for, all attempts together
ATTEMPTS = 3
PAUSE_SECONDS = 0.5  # before the second attempt; twice as long before each further one
LONGEST_PAUSE_SECONDS = 5.0  # a provider that wants a longer one is asked again by a later call
SECOND_LOOK_SECONDS = 1.0  # between two refusals

#: Runs the connector's own token operation and returns the answer it reports.
RunOperation = Callable[[OpenedAuth], Awaitable[Response]]


class Tools(Protocol):
    """What renewing takes: a hub has it, and so has a courier."""

    settings: Settings
    database: Database
    vault: Vault
    egress: Engine
    clock: Callable[[], float]


async def get_tokens(
    tools: Tools,
    auth: OpenedAuth,
    run_operation: RunOperation | None,
    *,
    hold: Callable[[], Awaitable[None]],
    is_doubted: bool,
) -> JsonObject:
    """Return the auth's credentials with a new access token in them.

    What may be a passing trouble is tried again; so is a refusal, once, unless `is_doubted`: it was refused before.
    `hold` is called before the provider is asked, each time. Raises what it raises, and OperationError: TokenRefused
    and its subclasses, NoAnswer.
    """
    deadline, attempt, credentials, is_refused = time.monotonic() + PROVIDER_SECONDS, 0, auth.credentials, is_doubted
    while True:
        attempt += 1
        await hold()
        try:
            return await _ask(tools, replace(auth, credentials=credentials), run_operation, deadline)
        except NoRefreshToken:
            raise
        except InvalidGrant:
            if is_refused:
                raise
            is_refused, pause = True, SECOND_LOOK_SECONDS
            credentials = _without_refresh_token(auth)
        except (ProviderBroken, NoAnswer) as trouble:
            pause = _pause(trouble, attempt)
            if attempt >= ATTEMPTS or pause > LONGEST_PAUSE_SECONDS or time.monotonic() + pause > deadline:
                raise
        await asyncio.sleep(pause)


def is_renewable(auth: OpenedAuth) -> bool:
    """Whether there is something to get a new access token with."""
    way = auth.sign_in
    return isinstance(way, TokenHolder) and (
        not isinstance(way, OAuth2Code) or bool(auth.credentials.get("refreshToken"))
    )


def can_be_spent(auth: OpenedAuth) -> bool:
    """Whether asking may use up something that only the answer replaces: a refresh token that works once."""
    way = auth.sign_in
    return isinstance(way, OAuth2) and way.rotates_refresh_tokens and bool(auth.credentials.get("refreshToken"))


async def _ask(tools: Tools, auth: OpenedAuth, run_operation: RunOperation | None, deadline: float) -> JsonObject:
    way, sent_at = auth.sign_in, tools.clock()
    if isinstance(way, TokenRequest):
        assert run_operation is not None, "only a hub runs operations"
        response = await run_operation(auth)
    else:
        assert isinstance(way, OAuth2), "nothing else is ever stale"
        response = await _send(tools, way, auth, deadline)
    return read_token_answer(way, response, sent_at, auth.scopes).merged_into(auth.credentials)


async def _send(tools: Tools, way: OAuth2, auth: OpenedAuth, deadline: float) -> Response:
    client = client_of(way, auth.credentials, auth.environment.client)
    request = renewal_request(way, client, auth.credentials, scopes=auth.scopes, user_data=auth.user_data)
    # Its own grant: the token endpoint and nothing else. The connector may not reach it, if it is not one of its hosts.
    grant = Grant(
        (HostRule.parse(parse_url(request.url).origin),),
        addresses=AddressPolicy(tools.settings.allowed_networks),
        owner=auth.sealed.organization_id,
    )
    return await tools.egress.send(request, grant, deadline)


def _without_refresh_token(auth: OpenedAuth) -> JsonObject:
    """Return what to try the second time. Where somebody's name and password are known, they are better."""
    if isinstance(auth.sign_in, OAuth2Code):
        return auth.credentials
    return {name: value for name, value in auth.credentials.items() if name != "refreshToken"}


def _pause(trouble: ProviderBroken | NoAnswer, attempt: int) -> float:
    asked = trouble.retry_after_seconds
    return PAUSE_SECONDS * 2 ** (attempt - 1) if asked is None else asked
