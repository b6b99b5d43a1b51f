"""What the engine lets in: nothing with the secrets in it that it has let out."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from jackfield.auth import ApiKey, Basic, Bearer, Place
from jackfield.egress.engine import Engine
from jackfield.egress.redaction import MARK, redactor
from jackfield.exchange import Headers, Request
from tests.kit.engines import grant_to, send, usual_engine
from tests.kit.misbehaving import answer, redirect, third_party

__all__ = ["usual_engine"]  # fixtures


SECRET = 'sk_live/Zoë+"51&<x>=='
TOKEN = "tok-4f9a1c77d2e0b8"


def echoes_of(secret: str) -> dict[str, str]:
    content = secret.encode()
    return {
        "plain": secret,
        "in a word": f"Bearer {secret}!",
        "json": json.dumps({"token": secret}),
        "json, not ascii": json.dumps({"token": secret}, ensure_ascii=False),
        "php json": json.dumps({"token": secret}).replace("/", "\\/"),
        "read as latin-1": content.decode("latin-1"),
        "json, read as latin-1": json.dumps({"token": content.decode("latin-1")}),
        "percent": quote(secret, safe=""),
        "percent, lower case": re.sub(r"%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "path": quote(secret),
        "form": quote_plus(secret),
        "every byte": "".join(f"%{byte:02X}" for byte in content),
        "html": html.escape(secret),
        "hex": content.hex(),
        "HEX": content.hex().upper(),
        "base64": base64.b64encode(content).decode(),
        "urlsafe base64": base64.urlsafe_b64encode(content).decode(),
        "base64, in the middle": base64.b64encode(b"zoe:" + content + b":end").decode(),
        "base64, one further": base64.b64encode(b"zoe12" + content + b"\n").decode(),
        "base64, two further": base64.b64encode(b"zoe123" + content).decode(),
    }


def readings_of(text: str) -> list[str]:
    """Undo what an attacker could undo, to see whether the secret is still in there."""
    readings = [text, html.unescape(text)]
    for part in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        padded = part.replace("-", "+").replace("_", "/")
        for cut in range(4):
            piece = padded[cut:]
            readings.append(base64.b64decode(piece[: len(piece) // 4 * 4]).decode(errors="replace"))
    return readings


@pytest.mark.parametrize("secret", [SECRET, TOKEN, "0123456789abcdef" * 4, "päss/wörd"])
@pytest.mark.parametrize("spelling", list(echoes_of("")))
async def test_an_echoed_secret_is_redacted_in_every_spelling(engine: Engine, secret: str, spelling: str):
    echo = echoes_of(secret)[spelling]
    body = f"before {echo} after".encode()
    header = echo if echo.isascii() else ""
    async with third_party(answer(body, X_Echo=header), answer(gzip.compress(body), Content_Encoding="gzip")) as party:
        grant = grant_to(party.url, sign_in=ApiKey("key", Place.QUERY), apiKey=secret)
        for _ in range(2):
            response = await send(engine, Request("GET", party.url), grant)

            assert MARK in response.text
            assert response.text.startswith("before ")
            assert response.text.endswith(" after")
            for reading in readings_of(response.text + (response.header("X-Echo") or "")):
                assert secret not in reading


async def test_basic_credentials_are_redacted_as_the_pair_they_are_sent_as(engine: Engine):
    pair = base64.b64encode(f"zoe:{TOKEN}".encode())
    async with third_party(answer(b'{"you sent": "Basic ' + pair + b'"}')) as party:
        grant = grant_to(party.url, sign_in=Basic(), username="zoe", password=TOKEN)
        response = await send(engine, Request("GET", party.url), grant)

    assert json.loads(response.body) == {"you sent": f"Basic {MARK}"}


async def test_a_key_in_the_query_is_in_no_url_anybody_sees(engine: Engine):
    async with third_party(redirect(302, f"/next?api_key={TOKEN}"), answer()) as party:
        grant = grant_to(party.url, sign_in=ApiKey("api_key", Place.QUERY), apiKey=TOKEN)
        response = await send(engine, Request("GET", f"{party.url}/a"), grant)

    assert TOKEN.encode() in party.requests[1]
    assert TOKEN not in response.url


def test_a_redactor_reaches_into_json_and_headers_and_requests():
    clean = redactor([TOKEN, ""])

    assert clean.json({"a": [TOKEN, 1, None, {TOKEN: f"x{TOKEN}"}]}) == {"a": [MARK, 1, None, {MARK: f"x{MARK}"}]}
    headers: Headers = (("Authorization", f"Bearer {TOKEN}"),)
    request = clean.request(Request("GET", f"https://a.test/?k={TOKEN}", headers, TOKEN.encode()))
    assert TOKEN not in repr(request)


def test_a_short_secret_is_left_alone_and_a_longer_one_goes_first():
    assert redactor(["abc"]).text("abcdef") == "abcdef"
    assert redactor(["secret", "secret-and-more"]).text("secret-and-more secret") == f"{MARK} {MARK}"


def test_credentials_are_not_in_the_repr_of_a_grant():
    grant = grant_to("api.acme.test", sign_in=Bearer(), accessToken=TOKEN)

    assert TOKEN not in repr(grant)
