"""What one call may reach, and as whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jackfield.auth import NoSignIn, SignIn, user_data_templates
from jackfield.egress.policy import AddressPolicy, HostRule, Target, parse_url
from jackfield.egress.templates import fields_of, resolve_template, sample_user_data
from jackfield.errors import ConnectorError, NotAllowed
from jackfield.exchange import Request


@dataclass(slots=True)
class Grant:
    """The hosts of a service, the way to sign in there, and the credentials. The credentials go to these hosts only.

    `owner` is the organization that calls and `auth` the name of what it signs in with: what one does to a host is not
    held against another.
    """

    hosts: tuple[HostRule, ...]
    sign_in: SignIn = field(default_factory=NoSignIn)
    credentials: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    addresses: AddressPolicy = field(default_factory=AddressPolicy)
    owner: str = ""
    auth: str = ""

    @classmethod
    def to_service(
        cls,
        base_url: str,
        *,
        hosts: Iterable[str],
        user_data: Mapping[str, str],
        sign_in: SignIn,
        credentials: Mapping[str, Any],
        addresses: AddressPolicy,
        owner: str = "",
        auth: str = "",
    ) -> Grant:
        """Return the grant for a service as a manifest declares it: the origin of its base URL, and its other hosts.

        Raises InvalidInput when the user data does not fit, NotAllowed when a declared host is no host.
        """
        templates = (base_url, *hosts) if base_url else tuple(hosts)
        rules = _rules(templates, _texts(user_data, _fields(templates)))
        return cls(rules, sign_in, credentials, addresses, owner, auth)

    def check(self, target: Target) -> None:
        """Raise NotAllowed when the service is not declared to live at this host."""
        for rule in self.hosts:  # `any` with a generator takes twice as long
            if rule.matches(target):
                return
        raise NotAllowed(
            f"This connector may not reach {target.origin}. It declares {self._declared()}; "
            "its author can add a host to the connector."
        )

    def _declared(self) -> str:
        return ", ".join(str(rule) for rule in self.hosts) or "no hosts"

    def sign(self, request: Request) -> Request:
        """Return the request with the credentials in it. Raises NotAllowed when there are none to put in."""
        try:
            return self.sign_in.sign(request, self.credentials)
        except KeyError:
            raise NotAllowed(
                "This service needs credentials and the call has none: give the call an auth of this service."
            ) from None

    def secrets(self) -> list[str]:
        """Return the texts nobody may see in an answer, a log or a recording."""
        try:
            return self.sign_in.secrets(self.credentials)
        except KeyError:  # they are incomplete; then `sign` refuses and nothing is sent
            return []


def check_addresses(base_url: str, hosts: Iterable[str], sign_in: SignIn) -> None:
    """Make sure that every auth will have somewhere to go, whatever its owner types in.

    Raises InvalidInput, NotAllowed or ConnectorError, which say what is wrong with which address.
    """
    hosts, asked = tuple(hosts), user_data_templates(sign_in)
    sample = sample_user_data((base_url, *hosts, *asked))
    Grant.to_service(
        base_url, hosts=hosts, user_data=sample, sign_in=sign_in, credentials={}, addresses=AddressPolicy()
    )
    for address in filter(None, (base_url, *asked)):
        target = parse_url(resolve_template(address, sample))
        if address == base_url and "?" in target.path_and_query:
            raise ConnectorError("A base URL may not hold a query: every path is appended to it.")


@lru_cache(maxsize=10_000)
def _fields(templates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({name for template in templates for name in fields_of(template)})


@lru_cache(maxsize=10_000)  # every call of an auth asks for the same
def _rules(templates: tuple[str, ...], texts: tuple[tuple[str, str], ...]) -> tuple[HostRule, ...]:
    user_data = dict(texts)
    return tuple([HostRule.parse(resolve_template(template, user_data)) for template in templates])


def _texts(user_data: Mapping[str, Any], fields: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return these fields, as far as they are texts."""
    return tuple([(name, value) for name in fields if isinstance(value := user_data.get(name), str)])
