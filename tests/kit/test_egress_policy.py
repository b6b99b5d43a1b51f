"""Where a call may go: URLs, host rules, addresses, templates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address

import pytest

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import AddressPolicy, HostRule, Target, has_dot_segments, parse_url
from jackfield.egress.templates import resolve_template
from jackfield.errors import ConnectorError, InvalidInput, NoAnswer, NotAllowed
from jackfield.exchange import Request
from tests.kit.hostile_urls import GOOD_URLS, PRIVATE_ADDRESSES, hostile_dns_answers, hostile_urls, spellings_of


class AnyHost(HostRule):
    """A rule an attacker would wish for: with it, only the address policy stands in the way."""

    def matches(self, target: Target) -> bool:
        return True


ANYWHERE = Grant(hosts=(AnyHost("any", 0),))


@dataclass
class Canary:
    """A listener on loopback that counts who comes."""

    port: int = 0
    visits: int = 0


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    canary = Canary()

    def visit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        canary.visits += 1
        writer.close()

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    yield canary
    server.close()


async def attempt(engine: Engine, url: str, grant: Grant = ANYWHERE) -> None:
    await engine.send(Request("GET", url), grant, time.monotonic() + 5)


def test_the_corpus_is_big_enough():
    assert len(set(hostile_urls(1))) >= 900
    assert len(list(hostile_dns_answers())) >= 100


async def test_no_hostile_url_reaches_a_listener_on_loopback(canary: Canary):
    async def resolve_to_loopback(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    engine = Engine(resolve=resolve_to_loopback)

    accepted: list[str] = []
    for url in dict.fromkeys(hostile_urls(canary.port)):
        try:
            await attempt(engine, url)
            accepted.append(url)
        except NotAllowed:
            pass
    await engine.close()

    assert accepted == []
    assert canary.visits == 0


async def test_no_hostile_url_passes_for_a_declared_host(canary: Canary):
    async def resolve_nothing(host: str, port: int) -> list[str]:
        raise OSError

    engine = Engine(resolve=resolve_nothing)
    addresses = AddressPolicy.allowing(["0.0.0.0/0", "::/0"], allow_metadata=True)
    grant = Grant(
        (HostRule.parse("https://api.example.com"), HostRule.parse("http://api.example.com")), addresses=addresses
    )

    for url in dict.fromkeys(hostile_urls(canary.port)):
        with pytest.raises((NotAllowed, NoAnswer)):
            await attempt(engine, url, grant)
    await engine.close()

    assert canary.visits == 0


async def test_no_hostile_dns_answer_reaches_a_listener_on_loopback(canary: Canary):
    async def resolve(host: str, port: int) -> list[str]:
        return answers[int(host.partition(".")[0])]

    answers = list(hostile_dns_answers())
    engine = Engine(resolve=resolve)

    for number in range(len(answers)):
        with pytest.raises((NotAllowed, NoAnswer)):
            await attempt(engine, f"http://{number}.example.com:{canary.port}/")
    await engine.close()

    assert canary.visits == 0


async def test_an_allowed_network_opens_the_way_so_the_canary_can_sing(canary: Canary):
    engine = Engine()
    grant = Grant(hosts=(AnyHost("any", 0),), addresses=AddressPolicy.allowing(["127.0.0.0/8"]))

    with pytest.raises(NoAnswer):
        await attempt(engine, f"http://127.0.0.1:{canary.port}/", grant)
    await engine.close()

    assert canary.visits > 0


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_good_url_is_accepted(url: str):
    assert parse_url(url).url.lower().startswith(url.lower().rstrip("/"))


def test_a_url_comes_apart_into_what_will_be_connected_to():
    assert parse_url("HTTPS://API.Example.com:443?x=1") == Target("https", "api.example.com", 443, "/?x=1")
    assert parse_url("http://[2606:4700::1]:8080/a").host_and_port == "[2606:4700::1]:8080"


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_a_private_address_is_refused_in_every_form_a_name_server_may_give_it(address: str):
    for host in spellings_of(address):
        try:
            form = ip_address(host.strip("[]"))
        except ValueError:
            continue
        with pytest.raises(NotAllowed):
            AddressPolicy().check(str(form))


def test_public_addresses_pass():
    for text in ("93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"):
        assert str(AddressPolicy().check(text)) == text


def test_an_operator_can_allow_a_network_but_metadata_needs_a_second_switch():
    office = AddressPolicy.allowing(["10.20.0.0/16"])
    everything = AddressPolicy.allowing(["0.0.0.0/0", "::/0"])
    with_metadata = AddressPolicy.allowing(["169.254.0.0/16"], allow_metadata=True)

    assert office.check("10.20.3.4")
    assert with_metadata.check("169.254.169.254")
    for policy, address in (
        (office, "10.21.0.1"),
        (everything, "169.254.169.254"),
        (everything, "fd00:ec2::254"),
        (everything, "100.100.100.200"),
        (AddressPolicy(allow_metadata=True), "169.254.169.254"),
    ):
        with pytest.raises(NotAllowed):
            policy.check(address)


@pytest.mark.parametrize(
    ("rule", "url", "is_declared"),
    [
        ("api.acme.com", "https://api.acme.com/x", True),
        ("api.acme.com", "https://API.ACME.COM/x", True),
        ("api.acme.com", "http://api.acme.com/x", False),
        ("api.acme.com", "https://api.acme.com:8443/", False),
        ("api.acme.com", "https://api.acme.com.evil.com/", False),
        ("api.acme.com", "https://evil-api.acme.com/", False),
        ("*.acme.com", "https://shop.acme.com/", True),
        ("*.acme.com", "https://acme.com/", False),
        ("*.acme.com", "https://a.b.acme.com/", False),
        ("*.acme.com", "https://evilacme.com/", False),
        ("127.0.0.1:17404", "http://127.0.0.1:17404/v1", True),
        ("127.0.0.1:17404", "http://127.0.0.1:17405/v1", False),
        ("http://crm.acme.com:8080/any/path", "http://crm.acme.com:8080/other", True),
        ("http://crm.acme.com:8080", "https://crm.acme.com:8080/", False),
        ("https://*.acme.com", "https://x.acme.com/", True),
        ("[2606:4700::1]:443", "https://[2606:4700::1]/", True),
    ],
)
def test_a_host_rule_means_exactly_what_it_says(rule: str, url: str, is_declared: bool):
    assert HostRule.parse(rule).matches(parse_url(url)) is is_declared


@pytest.mark.parametrize(
    "rule", ["*", "*.com", "*.*.acme.com", "a.*.com", "acme.com/path", "ftp://acme.com", "*.0.0.1", "", "a b"]
)
def test_a_rule_that_is_too_wide_or_unclear_is_refused(rule: str):
    with pytest.raises(NotAllowed):
        HostRule.parse(rule)


@pytest.mark.parametrize(
    ("template", "user_data", "resolved"),
    [
        ("https://api.acme.com/v1", {}, "https://api.acme.com/v1"),
        ("https://{shop}.acme.com/v1", {"shop": "Blue-Socks"}, "https://blue-socks.acme.com/v1"),
        ("https://api-{region}.acme.com", {"region": "eu1"}, "https://api-eu1.acme.com"),
        ("https://acme.com/{tenant}/v1", {"tenant": "a/b ü"}, "https://acme.com/a%2Fb%20%C3%BC/v1"),
        ("{server}", {"server": "http://crm.local:8080/"}, "http://crm.local:8080"),
        ("{server}/api", {"server": "https://crm.example.com/base"}, "https://crm.example.com/base/api"),
        ("{shop}.acme.com", {"shop": "blue"}, "blue.acme.com"),
        ("https://{#shop}.acme.com", {"#shop": "blue"}, "https://blue.acme.com"),
    ],
)
def test_user_data_fills_a_template(template: str, user_data: dict[str, str], resolved: str):
    assert resolve_template(template, user_data) == resolved


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a.b",
        "evil.com/",
        "evil.com#",
        "evil.com%23",
        "a@b",
        "a:80",
        "a\\b",
        "a b",
        "-a",
        "ａ",
        "a" * 64,
        "a\n",
        "..",
        "[::1]",
        "{x}",
    ],
)
def test_a_label_cannot_become_anything_but_a_label(value: str):
    with pytest.raises(InvalidInput):
        resolve_template("https://{shop}.acme.com/v1", {"shop": value})


@pytest.mark.parametrize(
    "value",
    ["crm.example.com", "ftp://x.com", "https://u@x.com", "https://x.com?a", "https://x.com/#", "https://x.com/..", ""],
)
def test_a_server_must_be_an_origin(value: str):
    with pytest.raises(InvalidInput):
        resolve_template("{server}/api", {"server": value})


def test_a_missing_field_is_named_and_a_broken_template_is_the_authors_fault():
    with pytest.raises(InvalidInput, match='"shop"'):
        resolve_template("https://{shop}.acme.com", {})
    with pytest.raises(ConnectorError):
        resolve_template("https://{shop.acme.com", {"shop": "x"})


def test_climbing_is_seen_in_every_spelling():
    for path in ("/a/../b", "/a/./b", "/..", "/a/%2e%2E/b", "/a/.%2e/b", "/a%2f..%2fb", "/a/..;/b", "/a%5c..%5cb"):
        assert has_dot_segments(path), path
    for path in ("/a/...", "/a..b/c", "/.well-known/x", "/a?x=/../"):
        assert not has_dot_segments(path), path


def test_a_grant_to_a_service_covers_its_base_url_and_its_other_hosts():
    grant = Grant.to_service(
        "https://{shop}.acme.com/v1",
        hosts=["files.acme.com"],
        user_data={"shop": "blue"},
        sign_in=ANYWHERE.sign_in,
        credentials={},
        addresses=AddressPolicy(),
    )

    grant.check(parse_url("https://blue.acme.com/other"))
    grant.check(parse_url("https://files.acme.com/x"))
    with pytest.raises(NotAllowed, match=r"https://blue\.acme\.com:443"):
        grant.check(parse_url("https://red.acme.com/v1"))
