"""Auths found in the database, and opened with the vault."""

from __future__ import annotations

from jackfield.exchange import JsonObject
from jackfield_hub.auths import store
from jackfield_hub.auths.sealing import open_json
from jackfield_hub.auths.shapes import OpenedAuth, SealedAuth
from jackfield_hub.auths.vault import DoesNotOpen, Vault
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Refused
from jackfield_hub.services.effective import open_environment, service_of
from jackfield_hub.services.finding import find_environment
from jackfield_hub.services.shapes import Service


class CannotBeOpened(Refused):
    """The auth was sealed with a master key this hub does not have: another data folder's, or a lost one."""

    status = 500
    code = "auth_cannot_be_opened"


async def find_sealed(tx: Transaction, organization_id: str, auth_id: str) -> SealedAuth | None:
    """Return an auth of this organization, or None."""
    environment_id = await store.find_environment_id(tx, organization_id, auth_id)
    if environment_id is None:
        return None
    environment = await find_environment(tx, organization_id, environment_id)
    return await store.find_auth(tx, auth_id, environment)


def open_auth(vault: Vault, auth: SealedAuth, service: Service) -> OpenedAuth:
    """Return the auth with its secrets, for its service. Raises CannotBeOpened."""
    try:
        return OpenedAuth(
            sealed=auth,
            service=service_of(service, auth.environment),
            environment=open_environment(vault, auth.environment),
            own_user_data=open_user_data(vault, auth),
            credentials=open_json(vault, auth.key, auth.auth_id, "credentials", auth.credentials),
        )
    except DoesNotOpen:
        raise CannotBeOpened(
            f"The authentication {auth.auth_id} was sealed with another master key than this hub's. Put the key file "
            "back, or store the authentication again."
        ) from None


def open_user_data(vault: Vault, auth: SealedAuth) -> JsonObject:
    """Return what the owner said besides secrets. Raises DoesNotOpen."""
    return open_json(vault, auth.key, auth.auth_id, "user_data", auth.user_data)
