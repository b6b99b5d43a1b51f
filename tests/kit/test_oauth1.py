"""The OAuth 1 dance and its signatures, judged by oauthlib over a real socket."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oauthlib.oauth1 import Client as OAuthlibClient

from examples.servers.plain_http import get, send
from jackfield.auth import SignIn
from jackfield.egress.grant import Grant
from jackfield.egress.policy import HostRule
from jackfield.errors import NotAllowed
from jackfield.exchange import Request, Response
from jackfield.oauth import Client, ClientOwner, OAuth1, SignatureMethod
from jackfield.oauth.errors import (
    CallbackIncomplete,
    CallbackRefused,
    ConsentDenied,
    InvalidClient,
    ProviderBroken,
    StateMismatch,
    TokenRefused,
)
from jackfield.oauth.oauth1 import (
    access_request,
    consent_url,
    read_access_token,
    read_temporary_token,
    read_verifier,
    temporary_request,
)
from jackfield.oauth.signature import Stamp, Token, sign
from jackfield.oauth.token_requests import with_client
from tests.kit.oauth1_provider import Known, oauth1_provider

CALLBACK = "https://hub.example/back?state=st"


@dataclass(frozen=True)
class Keys:
    private: str
    public: str


@pytest.fixture(scope="module")
def keys() -> Keys:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Keys(private.decode(), public.decode())


@pytest.fixture
def provider() -> Generator[tuple[str, Known]]:
    with oauth1_provider() as running:
        yield running


def way_to(origin: str, **settings: Any) -> OAuth1:
    return OAuth1(
        request_url=f"{origin}/request?scope=read+all",
        authorize_url=f"{origin}/authorize",
        access_url=f"{origin}/access",
        **settings,
    )


def client_for(known: Known, method: SignatureMethod, keys: Keys) -> Client:
    if method is not SignatureMethod.RSA_SHA1:
        return Client(known.client_key, known.client_secret)
    known.rsa_public_key = keys.public
    return Client(known.client_key, keys.private)


def dance(way: OAuth1, client: Client) -> dict[str, Any]:
    """Walk the whole dance and return the credentials."""
    temporary = read_temporary_token(way, send(temporary_request(way, client, callback_url=CALLBACK)))
    callback = get(consent_url(way, temporary)).header("Location")
    assert callback is not None
    assert callback.startswith("https://hub.example/back?state=st")
    verifier = read_verifier(urlsplit(callback).query, temporary)
    return read_access_token(way, send(access_request(way, client, temporary, verifier)))


def as_sent(sign_in: SignIn, credentials: dict[str, Any], request: Request) -> Request:
    """Return the request as the egress engine would sign it."""
    return Grant((HostRule.parse(request.url),), sign_in, credentials).sign(request)


def parts_of(authorization: str) -> set[str]:
    return set(authorization.removeprefix("OAuth ").split(", "))


@pytest.mark.parametrize("method", list(SignatureMethod))
def test_a_person_signs_in_and_calls_are_signed(provider: tuple[str, Known], method: SignatureMethod, keys: Keys):
    origin, known = provider
    way = way_to(origin, signature=method)
    client = client_for(known, method, keys)
    form = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)
    json_type = (("Content-Type", "application/json"),)
    requests = [
        Request("GET", f"{origin}/things"),
        Request("GET", f"{origin}/things?b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=2+q&empty"),
        Request("GET", f"{origin}/a%20b/%C3%A4;v=1?q=%E2%82%AC"),
        Request("POST", f"{origin}/things?page=1", form, b"c2=&a3=2+q&name=%C3%A4%26b"),
        Request("POST", f"{origin}/things", json_type, b'{"a": "1&2"}'),
        Request("DELETE", f"{origin}/things/1", (("Authorization", "Bearer smuggled"),)),
    ]

    credentials = with_client(way, dance(way, client), client)

    for request in requests:
        signed = as_sent(way, credentials, request)
        assert send(signed).text == "signed=True", request
        assert signed.body == request.body
        assert [name for name, _ in signed.headers].count("Authorization") == 1


def test_a_signature_is_good_for_one_request_only(provider: tuple[str, Known], keys: Keys):
    origin, known = provider
    way = way_to(origin)
    client = client_for(known, way.signature, keys)
    credentials = with_client(way, dance(way, client), client)
    signed = as_sent(way, credentials, Request("GET", f"{origin}/things?a=1"))

    assert send(signed).status == 200
    assert send(signed).status == 401, "the nonce is used"
    fresh = as_sent(way, credentials, Request("GET", f"{origin}/things?a=1"))
    assert send(replace(fresh, url=f"{origin}/things?a=2")).status == 401, "the query is signed"
    assert send(replace(as_sent(way, credentials, Request("GET", f"{origin}/x")), method="POST")).status == 401


def test_a_wrong_secret_signs_nobody_in(provider: tuple[str, Known]):
    origin, known = provider

    answer = send(temporary_request(way_to(origin), Client(known.client_key, "wrong"), callback_url=CALLBACK))

    with pytest.raises(InvalidClient, match="secret of the service's OAuth settings, and the clock of this machine"):
        read_temporary_token(way_to(origin), answer)
    with pytest.raises(InvalidClient, match="secret of this authentication, and the clock of this machine"):
        read_temporary_token(way_to(origin, client_owner=ClientOwner.AUTH), answer)


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
@pytest.mark.parametrize(
    "url",
    [
        "http://photos.example.net/photos?file=vacation.jpg&size=original",
        "http://example.com",
        "http://EXAMPLE.com:80/r%20v/X?id=123",
        "https://www.example.net:8080/?q=1",
        "https://example.com:443/a/../b",
        "https://example.com/%7Euser/~user?a=%7e~",
        "https://example.com/x?a=1&a=10&a=2&b&c=&=d",
        "https://example.com/x?a=b;c=d&&e=*!'()",
        "https://example.com/x?oauth_looking=50",
        "https://example.com/%C3%A4?%C3%A4=%E2%82%AC",
    ],
)
def test_a_request_is_signed_as_oauthlib_signs_it(url: str, method: str):
    theirs = OAuthlibClient(
        "dpf43f3p2l4k3l03",
        client_secret="kd94hf93k423kf44",
        resource_owner_key="nnch734d00sl2jdk",
        resource_owner_secret="pfkkdhi9sl3r4s00",
        signature_method=method,
        nonce="chapoH",
        timestamp="137131202",
    )
    way = way_to("https://api.example.com", signature=SignatureMethod(method))
    client, token = Client("dpf43f3p2l4k3l03", "kd94hf93k423kf44"), Token("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")

    signed = sign(way, Request("GET", url), client, token, Stamp("chapoH", 137131202))

    expected = theirs.sign(url)[1]["Authorization"]
    assert parts_of(dict(signed.headers)["Authorization"]) == parts_of(expected)


@pytest.mark.parametrize("key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_refused_without_being_repeated(key: str):
    way = way_to("https://api.example.com", signature=SignatureMethod.RSA_SHA1)

    with pytest.raises(InvalidClient, match="RSA private key in PEM") as refused:
        temporary_request(way, Client("c", key), callback_url=CALLBACK)

    assert "planted" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_call_without_the_clients_secret_is_told_that_credentials_are_missing():
    with pytest.raises(NotAllowed, match="needs credentials"):
        as_sent(
            way_to("https://a.example"),
            {"accessToken": "a", "accessTokenSecret": "s"},
            Request("GET", "https://a.example/"),
        )


@pytest.mark.parametrize(
    ("response", "refusal"),
    [
        (Response(200, (), b"oauth_token=t&oauth_token_secret=s"), TokenRefused),
        (Response(200, (), b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=false"), TokenRefused),
        (Response(200, (), b"oauth_token=&oauth_token_secret=s&oauth_callback_confirmed=true"), ProviderBroken),
        (Response(200, (), b"oauth_token=t&oauth_callback_confirmed=true"), ProviderBroken),
        (Response(401, (), b"oauth_problem=signature_invalid&planted"), InvalidClient),
        (Response(400, (), b"planted"), TokenRefused),
        (Response(503), ProviderBroken),
    ],
)
def test_a_temporary_token_is_given_or_refused(response: Response, refusal: type[TokenRefused]):
    with pytest.raises(refusal) as refused:
        read_temporary_token(way_to("https://a.example"), response)

    assert type(refused.value) is refusal
    assert "planted" not in refused.value.message


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("", StateMismatch),
        ("oauth_verifier=v", StateMismatch),
        ("oauth_token=other&oauth_verifier=v", StateMismatch),
        ("denied=other", StateMismatch),
        ("oauth_token=\ud800", StateMismatch),
        ("oauth_token=t", CallbackIncomplete),
        ("oauth_token=t&oauth_verifier=", CallbackIncomplete),
        ("oauth_token=t&oauth_verifier=v&oauth_verifier=w", CallbackIncomplete),
        ("oauth_token=t&oauth_problem=user_refused", ConsentDenied),
        ("denied=t", ConsentDenied),
    ],
)
def test_a_callback_that_proves_nothing_signs_nobody_in(query: str, refusal: type[CallbackRefused]):
    with pytest.raises(refusal) as refused:
        read_verifier(query, Token("t", "s"))

    assert type(refused.value) is refusal


def test_everything_else_the_provider_says_is_kept():
    way, body = way_to("https://a.example"), b"oauth_token=t&oauth_token_secret=s&user_id=7&screen_name=a"

    credentials = read_access_token(way, Response(200, (), body))

    assert credentials["extras"] == {"user_id": "7", "screen_name": "a"}
    assert set(way.secrets(credentials)) == {"t", "s"}
