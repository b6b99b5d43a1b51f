"""Where a call may go: a strict grammar for URLs, host rules, and an address policy.

Nothing here repairs what it reads. A URL that two readers could understand differently is refused.

    text ── parse_url ──> Target ── HostRule.matches ──> declared?   each DNS answer ── AddressPolicy.check ──> allowed?
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from jackfield.errors import NotAllowed

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 16_384
MAX_HOST_CHARACTERS = 253
MAX_REMEMBERED = 10_000  # addresses

LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.ASCII)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_PATH_AND_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]|-]|%[0-9A-Fa-f]{2})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Target(NamedTuple):
    """A URL in its parts. `host` is lower case, IPv6 without its brackets; `path_and_query` begins with "/"."""

    scheme: str
    host: str
    port: int
    path_and_query: str

    @property
    def host_and_port(self) -> str:
        """What a Host header says: `api.acme.com`, `api.acme.com:8443`, `[2606:4700::1]`."""
        return _host_and_port(self.scheme, self.host, self.port)

    @property
    def origin(self) -> str:
        """For example `https://api.acme.com`."""
        return f"{self.scheme}://{self.host_and_port}"

    @property
    def url(self) -> str:
        return self.origin + self.path_and_query

    @property
    def address(self) -> IPAddress | None:
        """The address when the host is one, else None: then somebody has to ask the DNS."""
        return _read_address(self.host)


@lru_cache(maxsize=10_000)
def _host_and_port(scheme: str, host: str, port: int) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"


@lru_cache(maxsize=10_000)
def _read_address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def parse_url(text: str) -> Target:
    """Return the parts of an absolute http or https URL. Raises NotAllowed when anything about it is unusual."""
    if len(text) > MAX_URL_CHARACTERS:
        raise NotAllowed(f"A URL may have {MAX_URL_CHARACTERS} characters; this one has {len(text)}.")
    parts = _URL.fullmatch(text)
    if parts is None or parts["scheme"].lower() not in DEFAULT_PORTS:
        raise NotAllowed("A URL must begin with https:// or http:// and hold no line breaks.")
    scheme = parts["scheme"].lower()
    host, port = _parse_authority(parts["authority"], scheme)
    return Target(scheme, host, port, _parse_rest(parts["rest"]))


@lru_cache(maxsize=10_000)  # only this part of a URL: there may be a key in the rest
def _parse_authority(text: str, scheme: str) -> tuple[str, int]:
    authority = _AUTHORITY.fullmatch(text)
    if authority is None:
        raise NotAllowed(
            "The host of a URL must be plain letters, digits, hyphens and dots, with an optional port: no user name, "
            "no percent signs, no backslashes, no other alphabets (write international names in their xn-- form)."
        )
    port = int(authority["port"] or DEFAULT_PORTS[scheme])
    if port > 65535:
        raise NotAllowed("The port of a URL must be between 1 and 65535.")
    return parse_host(authority["host"].lower()), port


@lru_cache(maxsize=10_000)
def parse_host(host: str) -> str:
    """Return a lower-case host name or canonical address, IPv6 without brackets. Raises NotAllowed."""
    if host.startswith("["):
        return _canonical_ipv6(host[1:-1])
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _canonical_ipv4(host)
    if len(host) > MAX_HOST_CHARACTERS or not all(LABEL.fullmatch(label) for label in labels):
        raise NotAllowed("The host of a URL must be a host name such as api.example.com, without a dot at its end.")
    return host


def _canonical_ipv4(host: str) -> str:
    # "127.1", "0x7f.0.0.1", "2130706433" and "0177.0.0.1" mean loopback to some readers and nothing to others.
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise NotAllowed("An IPv4 address in a URL must be four decimal numbers such as 192.0.2.1.") from None


def _canonical_ipv6(host: str) -> str:
    try:
        canonical = str(IPv6Address(host))
    except ValueError:
        canonical = ""
    if canonical != host:
        raise NotAllowed("An IPv6 address in a URL must be written in its shortest form, such as [2001:db8::1].")
    return canonical


def _parse_rest(rest: str) -> str:
    if "#" in rest:
        raise NotAllowed(
            'A URL may not hold a "#": what follows it is never sent. Write %23 if you mean the character.'
        )
    if not _PATH_AND_QUERY.fullmatch(rest):
        raise NotAllowed(
            "The path and query of a URL must be percent-encoded: no spaces, backslashes or other alphabets."
        )
    return rest if rest.startswith("/") else f"/{rest}"


def has_dot_segments(path: str) -> bool:
    """Whether a path climbs: "." or ".." between slashes, in any spelling a server may decode."""
    asked = path.partition("?")[0]
    if "." not in asked and "%" not in asked:
        return False  # as nearly every path
    decoded = re.sub(r"%2[eE]", ".", asked)
    return any(segment in (".", "..") for segment in re.split(r"/|%2[fF]|%5[cC]|;", decoded))


@dataclass(frozen=True, slots=True)
class HostRule:
    """One declared host. Make it with `parse`. `scheme` None means both; a `port` is always fixed."""

    host: str
    port: int
    scheme: str | None = None

    @classmethod
    @lru_cache(maxsize=10_000)
    def parse(cls, text: str) -> HostRule:
        """Read a host as a connector declares it. Raises NotAllowed.

        `api.acme.com` is https on port 443; `*.acme.com` the same for exactly one label in place of the star;
        `127.0.0.1:17404` is that port, http and https; `http://crm.acme.com:8080/any/path` is that origin.
        """
        if "://" in text:
            return cls._of_origin(text)
        if text.startswith("*."):
            return cls(_wildcard(text), DEFAULT_PORTS["https"], "https")
        target = parse_url(f"https://{text}")
        if target.path_and_query != "/" or text.endswith("/"):
            raise NotAllowed(
                f"{text[:99]!r} is not a host: write api.example.com, *.example.com or https://example.com."
            )
        return cls(target.host, target.port, None if _has_port(text) else "https")

    @classmethod
    def _of_origin(cls, text: str) -> HostRule:
        scheme, _, rest = text.partition("://*.")
        if rest and scheme in DEFAULT_PORTS:
            stand_in = parse_url(f"{scheme}://{rest}")
            return cls(_wildcard(f"*.{stand_in.host}"), stand_in.port, scheme)
        target = parse_url(text)
        return cls(target.host, target.port, target.scheme)

    def matches(self, target: Target) -> bool:
        if target.port != self.port or self.scheme not in (None, target.scheme):
            return False
        if self.host.startswith("*."):
            label, _, parent = target.host.partition(".")
            return bool(label) and parent == self.host[2:]
        return target.host == self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme or 'http(s)'}://{host}:{self.port}"


def _wildcard(text: str) -> str:
    parent = parse_host(text[2:].lower())
    if "." not in parent or _NUMBER.fullmatch(parent.rpartition(".")[2]):
        raise NotAllowed(
            f"{text[:99]!r} is too wide: a star stands for one label of a name you own, as in *.example.com."
        )
    return f"*.{parent}"


def _has_port(authority: str) -> bool:
    return re.search(r":[0-9]+$", authority) is not None and not authority.endswith("]")


def _networks(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


#: Where clouds hand out their machines' credentials. A declared network is not enough to reach these.
METADATA_NETWORKS = _networks(
    "169.254.0.0/16",  # link-local; 169.254.169.254 for nearly everybody, 169.254.170.2 and .23 for containers at AWS
    "fe80::/10",
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure's wire server: a public address, but only by its number
    "192.0.0.192/32",  # Oracle Classic
    "fd00:ec2::/32",  # AWS, IPv6
    "fd20:ce::/32",  # Google, IPv6
)

# `ipaddress` alone is not enough: it calls 64:ff9b::7f00:1 (which a NAT64 gateway takes to 127.0.0.1) public, and
# what it thinks of some ranges changed between patch releases of Python 3.11.
_REFUSED_IPV4 = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # mapped, compatible, NAT64, unique-local and multicast are all outside
_REFUSED_IPV6 = _networks(
    "2001::/23",  # Teredo, benchmarking, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: carries an IPv4 address
    "3fff::/20",  # documentation
)
_ISATAP = re.compile(r"(?:0000|0200):5efe:[0-9a-f]{4}:[0-9a-f]{4}$")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses may be connected to: the public internet, and the networks an operator allowed.

    Metadata addresses need both: to lie in an allowed network, and `allow_metadata`.
    """

    allowed_networks: tuple[IPNetwork, ...] = ()
    allow_metadata: bool = False
    _allowed: dict[str, str] = field(default_factory=dict[str, str], init=False, repr=False, compare=False)

    @classmethod
    def allowing(cls, networks: Iterable[str], allow_metadata: bool = False) -> AddressPolicy:
        """Return the policy for networks as an operator writes them: `["10.20.0.0/16"]`. Raises ValueError."""
        return cls(_networks(*networks), allow_metadata)

    def check(self, address: str) -> str:
        """Return the address, spelled the usual way. Raises NotAllowed when nobody may connect to it, or it is none."""
        # Comparing an address with twenty networks takes as long as the rest of the way to it.
        return self._allowed.get(address) or self._look_up(address)

    def _look_up(self, text: str) -> str:
        known = _read_address(text)
        if known is None:
            raise NotAllowed("The name server answered something that is not an address.")
        if not self._allows(known):
            raise NotAllowed(
                f"The address {known} is not on the public internet. Whoever runs this hub can allow its network; "
                "nobody else can."
            )
        spelled = str(known)
        if len(self._allowed) < MAX_REMEMBERED:
            self._allowed[text] = spelled
        return spelled

    def _allows(self, address: IPAddress) -> bool:
        if _is_public(address):
            return True
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False
        if _is_in(address, METADATA_NETWORKS) and not self.allow_metadata:
            return False
        return _is_in(address, self.allowed_networks)


def _is_in(address: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=10_000)
def _is_public(address: IPAddress) -> bool:
    if _is_in(address, METADATA_NETWORKS):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not _is_in(address, _REFUSED_IPV4)
    if address.scope_id is not None or _ISATAP.search(address.exploded):
        return False
    return address.is_global and address in _GLOBAL_UNICAST and not _is_in(address, _REFUSED_IPV6)
