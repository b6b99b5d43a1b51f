"""What a stolen database, backup or log would tell: no token and no secret, in no spelling."""

from __future__ import annotations

import base64
import time
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from jackfield.auth import sign_in_to_json
from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.signed_in import AUTHS, consented

KEPT_APART = {"master.key", "tokens.json"}  # the key is not in a dump; the tokens file is the operator's to move


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"renewal_courier": False})


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


async def test_no_secret_is_in_the_data_folder(
    hub: Hub,
    alice: Person,
    bob: Person,
    provider: FakeOAuthProvider,
    capfd: pytest.CaptureFixture[str],
) -> None:
    client, seal = provider.client, "seal of the app: +/=&%?"
    made = await alice.post(
        "/v1/services",
        {
            "name": "shop",
            "title": "Shop",
            "baseUrl": provider.url,
            "signIn": sign_in_to_json(provider.way()),
            "properties": [{"key": "seal", "title": "Seal", "scope": "app", "masked": True}],
            "environments": [
                {
                    "title": "Production",
                    "clientId": client.client_id,
                    "clientSecret": client.client_secret,
                    "properties": {"seal": seal},
                }
            ],
        },
    )
    await put_in_place(hub, alice.organization_id, provider.url)
    first = {**consented(provider), "expiresAt": time.time() - 1}
    wanted = {
        "name": "Mine",
        "serviceEnvironmentId": made.json["environments"][0]["id"],
        "credentials": first,
    }
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]
    call = {"operation": "get_product", "input": {"product_id": 1}, "authId": auth_id}
    await bob.post("/core/v1/connectors/shop/versions/1.0/call", call)
    second = (await bob.get(f"{AUTHS}/{auth_id}/full")).json["credentials"]
    assert second["accessToken"] != first["accessToken"]

    tokens = [alice.token, alice.api_token, bob.token, second["accessToken"], second["refreshToken"]]
    secrets = [*tokens, first["accessToken"], first["refreshToken"], client.client_secret, seal]
    said = capfd.readouterr()
    places = {path.name: path.read_bytes() for path in hub.settings.data_dir.rglob("*") if is_dumped(path)}
    places["log"] = (said.out + said.err).encode()

    assert {"core.db", "core.db-wal", "usage.db", "log"} <= places.keys()
    spelled = {spelling for secret in secrets for spelling in spellings(str(secret))}
    assert [name for name, content in places.items() if any(spelling in content for spelling in spelled)] == []


def is_dumped(path: Path) -> bool:
    return path.is_file() and path.name not in KEPT_APART


def spellings(secret: str) -> set[bytes]:
    """Return the secret as it may be written: as it is, in base64 (wherever it begins), in hex, in a URL, in JSON."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), secret.encode("utf-16-le"), raw[::-1]}
    found |= {quote(secret, safe="").encode(), quote_plus(secret).encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            written = encode(b"\0" * shift + raw)
            # The characters at both ends depend on what stands beside the secret.
            found.add(written[4 if shift else 0 : (len(raw) + shift) // 3 * 4])
    return found


def test_every_spelling_would_be_noticed() -> None:
    secret = "s3cr+t/=&%? of somebody"

    for written in (
        secret,
        secret.encode().hex(),
        quote(secret, safe=""),
        base64.b64encode(f"x{secret}".encode()).decode(),
        base64.urlsafe_b64encode(f'{{"a":"{secret}"}}'.encode()).decode(),
    ):
        assert any(spelling in f"before {written} after".encode() for spelling in spellings(secret)), written
