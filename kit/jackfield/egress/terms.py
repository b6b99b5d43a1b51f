"""What whoever runs an engine grants one owner beyond what all have."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from jackfield.egress.policy import AddressPolicy, IPNetwork


@dataclass(frozen=True)
class Terms:
    """Private networks an owner may reach, metadata addresses in them, and whose certificates are good for it.

    `authorities` is a PEM file; the authorities in it are trusted besides those of the operating system.
    """

    networks: tuple[IPNetwork, ...] = ()
    allow_metadata: bool = False
    authorities: Path | None = None

    def widen(self, policy: AddressPolicy) -> AddressPolicy:
        """Return the policy with what these terms allow on top."""
        if not self.networks and not self.allow_metadata:
            return policy
        return _widened(policy, self.networks, self.allow_metadata)

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """How to speak TLS with this owner's services; None: as with everybody's. Raises OSError for a bad file."""
        if self.authorities is None:
            return None
        context = ssl.create_default_context()
        context.load_verify_locations(self.authorities)
        return context


class Attempt(NamedTuple):
    """One request that was sent, as it may be told: without its query, headers and body."""

    owner: str
    method: str
    host: str
    path: str
    number: int  #: 1 is the first
    status: int | None  #: None: no answer came
    received_bytes: int
    milliseconds: float


@lru_cache(maxsize=1000)  # a policy remembers what it has allowed
def _widened(policy: AddressPolicy, networks: tuple[IPNetwork, ...], allow_metadata: bool) -> AddressPolicy:
    return AddressPolicy((*policy.allowed_networks, *networks), policy.allow_metadata or allow_metadata)


NO_TERMS = Terms()
