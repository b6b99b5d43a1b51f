"""Ways to sign in with OAuth: as data, and what they put into a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from jackfield.auth import ApiKey, AuthenticationType, Place, SignIn, sign_in_from_json, sign_in_to_json
from jackfield.auth import user_data_templates as templates_of
from jackfield.connector import Connector, ConnectorMistake
from jackfield.exchange import Request
from jackfield.manifest import Manifest, Metadata, ServiceRef
from jackfield.oauth import (
    Client,
    ClientOwner,
    ClientPlace,
    Expiry,
    OAuth1,
    OAuth2ClientCredentials,
    OAuth2Code,
    OAuth2Password,
    SignatureMethod,
    TokenBody,
    TokenRequest,
)
from jackfield.oauth.errors import InvalidClient, NoRefreshToken
from jackfield.oauth.token_requests import (
    client_credentials_request,
    client_of,
    code_request,
    password_request,
    refresh_request,
    renewal_request,
    token_operation_input,
    with_client,
)
from jackfield.validation import Schema

CODE = OAuth2Code(authorize_url="https://login.example.com/authorize", token_url="https://login.example.com/token")
PASSWORD = OAuth2Password(token_url="https://login.example.com/token")
MACHINE = OAuth2ClientCredentials(token_url="https://login.example.com/token")
ONE = OAuth1(
    request_url="https://api.example.com/oauth/request",
    authorize_url="https://api.example.com/oauth/authorize",
    access_url="https://api.example.com/oauth/access",
)
OPERATION = TokenRequest(fields=["user", "password"], secret_fields=["password"])
CLIENT = Client("shop", "hush")
METADATA = Metadata("shop", "1.0", "Shop", "", ServiceRef("shop", 1))

WAYS: list[SignIn] = [
    CODE,
    OAuth2Code(
        authorize_url="https://{subdomain}.example.com/authorize",
        token_url="https://{subdomain}.example.com/token",
        scopes=["read", "write"],
        scope_separator=",",
        audience="https://api.example.com",
        authorize_parameters={"access_type": "offline"},
        token_parameters={"resource": "urn:api"},
        token_body=TokenBody.JSON,
        client_place=ClientPlace.BODY,
        client_owner=ClientOwner.AUTH,
        expires_in_field="expires_at",
        expiry=Expiry.MOMENT,
        lifetime_seconds=7200,
        rotates_refresh_tokens=False,
        keeps_refresh_token=False,
        issuer="https://login.example.com",
        place=Place.QUERY,
        name="token",
        prefix="",
    ),
    PASSWORD,
    MACHINE,
    ONE,
    OAuth1(
        request_url=ONE.request_url,
        authorize_url=ONE.authorize_url,
        access_url=ONE.access_url,
        signature=SignatureMethod.RSA_SHA1,
    ),
    OPERATION,
    ApiKey("X-Key", Place.COOKIE, "t "),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_way_survives_being_written_as_json(way: SignIn):
    written = json.dumps(sign_in_to_json(way))

    assert sign_in_from_json(json.loads(written)) == way


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "unknown way to sign in: None"),
        ({"kind": ["bearer"]}, "unknown way to sign in: "),
        ({"kind": "saml"}, "unknown way to sign in: 'saml'; there are none, api_key"),
        ({"kind": "api_key"}, "api_key: name: Field required"),
        ({"kind": "api_key", "name": "k", "where": "header"}, "api_key has no setting 'where'"),
        ({"kind": "api_key", "name": "k", "place": "path"}, "api_key: place: Input should be 'header', 'query',"),
        ({"kind": "oauth2_code", "token_url": "https://a.example"}, "oauth2_code: authorize_url: Field required"),
        ({"kind": "oauth2_password", "token_url": "login"}, "'login' must be an address such as"),
        ({"kind": "oauth2_password", "token_url": "https://a.example", "scopes": "a b"}, "oauth2_password: scopes: "),
        (
            {"kind": "oauth2_password", "token_url": "https://a.example", "token_parameters": {"grant_type": "x"}},
            "'grant_type' is sent already",
        ),
    ],
)
def test_data_that_is_no_way_says_what_is_wrong(data: dict[str, Any], problem: str):
    with pytest.raises(ValueError, match=problem.replace("[", r"\[")):
        sign_in_from_json(data)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: OAuth2Password(token_url="https://a.example", scopes="read write"),
        lambda: OAuth2Code(authorize_url="login.example.com", token_url="https://a.example"),
        lambda: OAuth2Code(
            authorize_url="https://a.example", token_url="https://a.example", authorize_parameters={"state": "fixed"}
        ),
        lambda: TokenRequest(fields=["user"], secret_fields=["password"]),
        lambda: OAuth2Password(token_url="{server}/token"),
    ],
)
def test_a_mistake_in_a_way_is_found_when_it_is_written(mistake: Callable[[], object]):
    with pytest.raises(ValueError, match=r"must be|is sent already|is not one of the fields|secret would be sent"):
        mistake()


@pytest.mark.parametrize(
    ("way", "kind", "credentials"),
    [
        (CODE, AuthenticationType.OAUTH2, {"accessToken": "a", "refreshToken": "r", "expiresIn": 60, "extras": {}}),
        (PASSWORD, AuthenticationType.OAUTH2_PASSWORD, {"username": "alice", "password": "p"}),
        (
            OAuth2Code(authorize_url="{server}/a", token_url="{server}/t", client_owner=ClientOwner.AUTH),
            AuthenticationType.OAUTH2,
            {"accessToken": "a", "clientId": "c", "clientSecret": "s"},
        ),
        (MACHINE, AuthenticationType.OAUTH2_CLIENT_CREDENTIALS, {"clientId": "c", "clientSecret": "s"}),
        (ONE, AuthenticationType.OAUTH1, {"accessToken": "a", "accessTokenSecret": "s"}),
        (OPERATION, AuthenticationType.OAUTH2_CLIENT_CREDENTIALS, {"user": "alice", "password": "p"}),
    ],
)
def test_a_way_says_which_credentials_it_needs(way: SignIn, kind: AuthenticationType, credentials: dict[str, Any]):
    schema = Schema(way.credentials_schema())

    assert way.authentication_type is kind
    assert schema.problems(credentials) == []
    assert len(schema.problems({})) == len(way.credentials_schema()["required"]) > 0


def test_a_machine_needs_no_credentials_when_the_client_belongs_to_the_service():
    way = OAuth2ClientCredentials(token_url="https://a.example/token", client_owner=ClientOwner.SERVICE)

    assert Schema(way.credentials_schema()).problems({}) == []


def test_the_urls_of_a_way_may_hold_fields_of_the_user_data():
    assert templates_of(WAYS[1]) == (
        "https://{subdomain}.example.com/authorize",
        "https://{subdomain}.example.com/token",
    )
    assert templates_of(ApiKey("X-Key")) == ()


def test_the_access_token_goes_where_the_way_says():
    request = Request("GET", "https://api.example.com/things?page=2", (("authorization", "Basic mine"),))
    in_query = OAuth2Password(token_url="https://a.example", place=Place.QUERY, name="access_token", prefix="")

    assert CODE.sign(request, {"accessToken": "t+1"}).headers == (("Authorization", "Bearer t+1"),)
    assert in_query.sign(request, {"accessToken": "t+1"}).url.endswith("/things?page=2&access_token=t%2B1")


def test_everything_that_is_secret_in_stored_credentials_is_known():
    credentials = {
        "accessToken": "access",
        "refreshToken": "refresh",
        "clientId": "client",
        "clientSecret": "client-secret",
        "username": "alice",
        "password": "pass",
        "expiresAt": 1.0,
        "extras": {"id_token": "identity", "instance_url": "https://eu7.example.com", "webhook_secret": "hook", "n": 1},
    }

    secrets = {"access", "refresh", "client-secret", "pass", "identity", "hook"}
    assert set(CODE.secrets(credentials)) == secrets
    assert set(TokenRequest(fields=["pin"], secret_fields=["pin"]).secrets({"pin": "1234"})) == {"1234"}
    assert CODE.secrets({}) == []


@pytest.mark.parametrize(
    ("place", "authorization", "in_body"),
    [
        # s3cr+t/=&%? form-encoded, as RFC 6749 2.3.1 asks, and then in base64
        (ClientPlace.HEADER, "Basic Y29uZi1iYXNpYzpzM2NyJTJCdCUyRiUzRCUyNiUyNSUzRg==", {}),
        (ClientPlace.HEADER_AS_IS, "Basic Y29uZi1iYXNpYzpzM2NyK3QvPSYlPw==", {}),
        (ClientPlace.BODY, None, {"client_id": ["conf-basic"], "client_secret": ["s3cr+t/=&%?"]}),
    ],
)
def test_the_client_shows_itself_where_the_provider_looks(
    place: ClientPlace, authorization: str | None, in_body: dict[str, list[str]]
):
    way = OAuth2ClientCredentials(token_url="https://a.example/token", client_place=place)

    request = client_credentials_request(way, Client("conf-basic", "s3cr+t/=&%?"))

    assert dict(request.headers).get("Authorization") == authorization
    assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"], **in_body}


def test_a_client_without_a_secret_only_says_its_name():
    request = client_credentials_request(MACHINE, Client("public"))

    assert parse_qs(request.body.decode())["client_id"] == ["public"]
    assert "Authorization" not in dict(request.headers)


def test_a_code_is_exchanged_with_its_redirect_uri_and_verifier():
    request = code_request(CODE, CLIENT, code="c/1", redirect_uri="https://hub.example/back", verifier="v" * 43)

    assert request.method == "POST"
    assert request.url == "https://login.example.com/token"
    assert dict(request.headers)["Accept"] == "application/json"
    assert request.is_idempotent is False
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["authorization_code"],
        "code": ["c/1"],
        "redirect_uri": ["https://hub.example/back"],
        "code_verifier": ["v" * 43],
    }


def test_the_token_endpoint_may_want_json_and_more_parameters():
    way = OAuth2Password(
        token_url="https://a.example/token",
        token_body=TokenBody.JSON,
        token_parameters={"resource": "urn:api"},
        audience="api",
        scopes=["a", "b"],
    )

    request = password_request(way, CLIENT, username="alice", password="pä ss")

    assert dict(request.headers)["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "grant_type": "password",
        "username": "alice",
        "password": "pä ss",
        "scope": "a b",
        "audience": "api",
        "resource": "urn:api",
    }


def test_a_rotating_refresh_token_is_never_sent_twice_by_itself():
    steady = OAuth2Password(token_url="https://a.example/token", rotates_refresh_tokens=False)

    assert refresh_request(CODE, CLIENT, refresh_token="r").is_idempotent is False
    assert refresh_request(steady, CLIENT, refresh_token="r").is_idempotent is True


def test_a_renewal_repeats_the_scopes_only_when_the_provider_wants_them():
    way = OAuth2Password(
        token_url="https://a.example/token", scopes=["a", "b"], scope_separator=",", repeats_scopes=True
    )

    assert b"scope=x%2Cy" in refresh_request(way, CLIENT, refresh_token="r", scopes=["x", "y"]).body
    assert b"scope=a%2Cb" in refresh_request(way, CLIENT, refresh_token="r").body
    assert b"scope" not in refresh_request(CODE, CLIENT, refresh_token="r", scopes=["x"]).body


@pytest.mark.parametrize(
    ("way", "credentials", "grant"),
    [
        (CODE, {"refreshToken": "r"}, "refresh_token"),
        (PASSWORD, {"username": "alice", "password": "p", "refreshToken": "r"}, "refresh_token"),
        (PASSWORD, {"username": "alice", "password": "p"}, "password"),
        (MACHINE, {"refreshToken": "ignored"}, "client_credentials"),
    ],
)
def test_credentials_are_renewed_with_the_best_there_is(way: Any, credentials: dict[str, str], grant: str):
    request = renewal_request(way, CLIENT, credentials)

    assert parse_qs(request.body.decode())["grant_type"] == [grant]


def test_without_anything_to_renew_with_the_person_has_to_sign_in_again():
    with pytest.raises(NoRefreshToken, match="sign in again"):
        renewal_request(CODE, CLIENT, {"accessToken": "a"})


def test_the_user_data_fills_the_token_url():
    way = OAuth2ClientCredentials(token_url="https://{subdomain}.example.com/token")

    request = client_credentials_request(way, CLIENT, user_data={"subdomain": "acme"})

    assert request.url == "https://acme.example.com/token"


def test_the_client_is_the_services_or_the_auths_own():
    own = {"clientId": "own", "clientSecret": "mine"}

    assert client_of(CODE, own, CLIENT) == CLIENT
    assert client_of(MACHINE, own, CLIENT) == Client("own", "mine")
    assert with_client(ONE, {"accessToken": "a"}, CLIENT)["clientSecret"] == "hush"
    with pytest.raises(InvalidClient, match="No OAuth client is registered"):
        client_of(CODE, own, None)
    with pytest.raises(InvalidClient, match="no client id"):
        client_of(MACHINE, {}, CLIENT)


def test_a_secret_is_not_seen_when_a_client_is_printed():
    assert "hush" not in repr(CLIENT)


def test_a_connectors_own_token_operation_receives_what_was_typed_in():
    credentials = {"user": "alice", "password": "p", "accessToken": "old", "refreshToken": "r"}

    assert token_operation_input(OPERATION, {"user": "alice", "password": "p"}, {"server": "https://m.example"}) == {
        "auth_form_input": {"server": "https://m.example", "user": "alice", "password": "p"}
    }
    assert token_operation_input(OPERATION, credentials, {})["refresh_token"] == "r"


def test_a_connectors_form_asks_for_the_fields_of_its_token_url():
    way = OAuth2ClientCredentials(token_url="https://{region}.login.example.com/token")
    shop = Connector("https://{shop}.example.com", sign_in=way)

    manifest = shop.manifest(METADATA)

    assert manifest.user_data_schema["required"] == ["shop", "region"]
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_a_connector_must_have_the_operation_that_gets_its_token():
    shop = Connector("https://shop.example.com", sign_in=OPERATION)

    with pytest.raises(ConnectorMistake, match="#token_request"):
        shop.manifest(METADATA)

    @shop.private(name="#token_request")
    def token_request() -> dict[str, Any]:
        return {"status_code": 200, "headers": {}, "body": {"access_token": "a"}}

    assert shop.manifest(METADATA).sign_in == OPERATION
    assert token_request()["status_code"] == 200
