"""Secrets are taken out in every spelling in which a third party may repeat them."""

from __future__ import annotations

import base64
import html
import json
import os
import time
from collections.abc import Callable
from itertools import product
from urllib.parse import quote, quote_plus

import pytest

from jackfield.egress.redaction import MARK, redactor

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}
HEX: dict[str, Callable[[str], str]] = {
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}
SECRETS = ['s3cr3t/+=&"ü-0123456789', "a plain sentence, with spaces?", "tok_0123456789abcdef", "ab/cd+ef==gh/ij"]


def middle(text: str) -> str:
    """Return what of an encoded secret never depends on what stands around it."""
    return text[4:-6]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", {**ENCODINGS, **HEX})
def test_a_secret_is_found_in_every_spelling(secret: str, name: str):
    spelled = {**ENCODINGS, **HEX}[name](secret)

    assert redactor([secret]).text(f"before {spelled} after").startswith(f"before {MARK}")
    assert middle(spelled).encode() not in redactor([secret]).content(spelled.encode())


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(("inner", "outer"), list(product(ENCODINGS, ENCODINGS)))
def test_a_secret_is_found_in_one_spelling_inside_another(secret: str, inner: str, outer: str):
    spelled = ENCODINGS[outer](f'{{"key": "{ENCODINGS[inner](secret)}"}}')
    plain = ENCODINGS[outer](ENCODINGS[inner](secret))

    assert middle(plain) not in redactor([secret]).text(spelled)
    assert MARK in redactor([secret]).text(spelled)


@pytest.mark.parametrize("name", {**ENCODINGS, **HEX})
def test_a_secret_is_found_in_every_spelling_where_its_utf_8_was_taken_for_latin_1(name: str):
    secret = "sécret-tokeñ-4711-€"
    spelled = {**ENCODINGS, **HEX}[name](secret.encode().decode("latin-1"))

    assert redactor([secret]).text(f"before {spelled} after").startswith(f"before {MARK}")
    assert middle(spelled).encode() not in redactor([secret]).content(spelled.encode())


def test_a_secret_in_json_that_escapes_all_beyond_ascii_is_found_where_it_was_taken_for_latin_1():
    echoed = json.dumps({"headers": {"Authorization": "Bearer sÃ©cret-token-4711"}}).encode()

    found = redactor(["sécret-token-4711"]).content(echoed)

    assert json.loads(found) == {"headers": {"Authorization": f"Bearer {MARK}"}}


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_a_longer_text_is_found_wherever_the_secret_stands_in_it(
    before: str, after: str, encode: Callable[[bytes], bytes]
):
    for secret in SECRETS:
        found = redactor([secret]).content(encode(f"{before}{secret}{after}".encode()))

        assert MARK.encode() in found
        kept = found.replace(MARK.encode(), b"")
        assert len(kept) <= len(encode(before.encode())) + len(encode(after.encode())) + 4


def test_looking_through_a_clean_answer_costs_little():
    secrets = [f"s3cr3t/+ü{os.urandom(16).hex()}" for _ in range(4)]
    clean, find = os.urandom(500_000).hex().encode(), redactor(secrets)
    began = time.perf_counter()

    find.content(clean)

    assert time.perf_counter() - began < 2.0  # a megabyte; a generous ceiling


def test_a_secret_is_found_without_the_spaces_that_a_header_loses() -> None:
    assert redactor(["  correct horse "]).text("You sent: correct horse!") == "You sent: [redacted]!"
