"""A hub whose connectors are not confined starts only for an operator who says that all of them are trusted.

every attack fails ──> start
one gets through ──> JACKFIELD_TRUST_ALL_CONNECTORS? ─ no ──> refuse
                       └─ yes: one organization, on loopback only, and every start says so
"""

from __future__ import annotations

from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.logs import log

BANNER = """
  !  Connectors are NOT confined on this host: {found}.
  !  Whatever one of them does, it does with the rights of this hub, to all it holds.
  !  The hub runs because JACKFIELD_TRUST_ALL_CONNECTORS says that all connectors are trusted.
"""


class TooManyToTrust(Exception):
    """Several organizations live here: nobody can say of all connectors of all of them that they are trusted."""


async def read_trust(hub: Hub) -> str | None:
    """Return what to tell the operator before the hub serves anybody; None where connectors are confined.

    Writes it to the log, too, at every start. Raises TooManyToTrust.
    """
    confinement = hub.confinement
    if confinement.holds:
        return None
    if await identity.count_organizations(hub) > 1:
        raise TooManyToTrust("connectors are not confined on this host, and several organizations live in this hub")
    log.warning("connectors_are_not_confined", rung=confinement.rung, open_attacks=confinement.open_attacks)
    return BANNER.format(found=confinement)
