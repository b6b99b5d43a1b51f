"""Requests to a token endpoint. The platform sends them: credentials are in them, and in their answers.

code_request   refresh_request   password_request   client_credentials_request   renewal_request: the fitting one
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus, urlencode

import orjson

from jackfield.credentials import Credentials, basic_pair
from jackfield.egress.templates import resolve_template
from jackfield.exchange import Headers, JsonObject, Request
from jackfield.oauth.clients import Client, ClientOwner, ClientPlace
from jackfield.oauth.errors import InvalidClient, NoRefreshToken
from jackfield.oauth.ways import (
    OAuth1,
    OAuth2,
    OAuth2ClientCredentials,
    OAuth2Code,
    OAuth2Password,
    TokenBody,
    TokenRequest,
)

UserData = Mapping[str, str]


def client_of(way: OAuth2 | OAuth1, credentials: Credentials, registered: Client | None) -> Client:
    """Return the client to use: the auth's own, or the one registered for the service environment.

    Raises InvalidClient when there is none.
    """
    if way.client_owner is ClientOwner.SERVICE:
        if registered is None:
            raise InvalidClient("No OAuth client is registered for this service. Give its environment one.")
        return registered
    if not credentials.get("clientId"):
        raise InvalidClient("This authentication has no client id. Edit it and fill it in.")
    return Client(credentials["clientId"], credentials.get("clientSecret", ""))


def with_client(way: OAuth2 | OAuth1, credentials: Credentials, registered: Client | None) -> JsonObject:
    """Return the credentials with the client's id and secret among them, as signing with OAuth 1 needs them."""
    client = client_of(way, credentials, registered)
    return {**credentials, "clientId": client.client_id, "clientSecret": client.client_secret}


def code_request(
    way: OAuth2Code,
    client: Client,
    *,
    code: str,
    redirect_uri: str,
    verifier: str,
    user_data: UserData | None = None,
) -> Request:
    """Return the request that exchanges an authorization code for tokens. `redirect_uri` is the one that was sent."""
    parameters = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if way.uses_pkce:
        parameters["code_verifier"] = verifier
    return _token_request(way, client, parameters, user_data)


def refresh_request(
    way: OAuth2,
    client: Client,
    *,
    refresh_token: str,
    scopes: Sequence[str] | None = None,
    user_data: UserData | None = None,
) -> Request:
    """Return the request that exchanges a refresh token for a new access token."""
    parameters = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if way.repeats_scopes:
        parameters["scope"] = _scope(way, scopes)
    return _token_request(way, client, parameters, user_data, is_idempotent=not way.rotates_refresh_tokens)


def password_request(
    way: OAuth2Password,
    client: Client,
    *,
    username: str,
    password: str,
    scopes: Sequence[str] | None = None,
    user_data: UserData | None = None,
) -> Request:
    """Return the request that exchanges a person's name and password for tokens."""
    parameters = {"grant_type": "password", "username": username, "password": password, "scope": _scope(way, scopes)}
    return _token_request(way, client, parameters, user_data)


def client_credentials_request(
    way: OAuth2ClientCredentials,
    client: Client,
    *,
    scopes: Sequence[str] | None = None,
    user_data: UserData | None = None,
) -> Request:
    """Return the request for a token of the client itself."""
    parameters = {"grant_type": "client_credentials", "scope": _scope(way, scopes)}
    # Asking twice gives two tokens, and harms nobody.
    return _token_request(way, client, parameters, user_data, is_idempotent=True)


def renewal_request(
    way: OAuth2,
    client: Client,
    credentials: Credentials,
    *,
    scopes: Sequence[str] | None = None,
    user_data: UserData | None = None,
) -> Request:
    """Return the request that gets stored credentials their next, or first, access token.

    A refresh token is used when there is one; then the name and password. Raises NoRefreshToken when there is
    nothing to renew with, so that the person has to sign in again.
    """
    if isinstance(way, OAuth2ClientCredentials):
        return client_credentials_request(way, client, scopes=scopes, user_data=user_data)
    if credentials.get("refreshToken"):
        refresh_token = credentials["refreshToken"]
        return refresh_request(way, client, refresh_token=refresh_token, scopes=scopes, user_data=user_data)
    if isinstance(way, OAuth2Password):
        username, password = credentials["username"], credentials["password"]
        return password_request(way, client, username=username, password=password, scopes=scopes, user_data=user_data)
    raise NoRefreshToken("The access token is over, and the provider gave nothing to renew it with: sign in again.")


def token_operation_input(way: TokenRequest, credentials: Credentials, user_data: UserData) -> JsonObject:
    """Return the input of a connector's own token operation.

    For example `{"auth_form_input": {"server": "…", "user": "…", "password": "…"}}`, and beside it `"refresh_token"`
    once an answer held one.
    """
    typed = {name: credentials[name] for name in way.fields if name in credentials}
    known: JsonObject = {"auth_form_input": {**user_data, **typed}}
    return {**known, "refresh_token": credentials["refreshToken"]} if credentials.get("refreshToken") else known


def _scope(way: OAuth2, scopes: Sequence[str] | None) -> str:
    return way.scope_separator.join(way.scopes if scopes is None else scopes)


def _token_request(
    way: OAuth2,
    client: Client,
    parameters: dict[str, str],
    user_data: UserData | None,
    *,
    is_idempotent: bool = False,
) -> Request:
    sent = {name: value for name, value in {**parameters, "audience": way.audience}.items() if value}
    headers, shown = _show_client(way.client_place, client)
    content_type, body = _body(way.token_body, {**sent, **shown, **way.token_parameters})
    # Without Accept some providers answer a form; GitHub is the best known.
    return Request(
        "POST",
        resolve_template(way.token_url, user_data or {}),
        (("Accept", "application/json"), ("Content-Type", content_type), *headers),
        body,
        is_idempotent=is_idempotent,
    )


def _show_client(place: ClientPlace, client: Client) -> tuple[Headers, dict[str, str]]:
    """Return the headers and the parameters that say which client asks."""
    if not client.client_secret:
        return (), {"client_id": client.client_id}
    if place is ClientPlace.BODY:
        return (), {"client_id": client.client_id, "client_secret": client.client_secret}
    encode = quote_plus if place is ClientPlace.HEADER else str
    pair = basic_pair(encode(client.client_id), encode(client.client_secret))
    return (("Authorization", f"Basic {pair}"),), {}


def _body(form: TokenBody, parameters: Mapping[str, str]) -> tuple[str, bytes]:
    if form is TokenBody.JSON:
        return "application/json", orjson.dumps(parameters)
    return "application/x-www-form-urlencoded", urlencode(parameters).encode()
