"""All that an end user has stored, forgotten together; and what is stored by those who send it in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jackfield.exchange import JsonObject
from jackfield_hub.auths import store
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller, Right
from jackfield_hub.services.finding import find_environment


async def delete_auths_of(hub: Hub, tx: Transaction, organization_id: str, user_id: str) -> None:
    """Forget all auths of an end user; calls with them stop working at once."""
    for auth_id in await store.list_auth_ids(tx, organization_id, user_id):
        await store.delete_auth(tx, organization_id, auth_id)
        tx.changed(organization_id, Kind.AUTH, auth_id)


async def sort_out(
    hub: Hub, caller: Caller, service_id: str, environment_id: str, data: JsonObject
) -> Mapping[str, Any]:
    """Return `{"userData": {…}, "credentials": {…}}` for somebody who sends both in one object.

    What the environment's schema of user data names is user data, the rest is credentials. Raises Forbidden, or
    NotFound when this service of the caller's organization has no such environment.
    """
    caller.require(Right.STORE_AUTHS)
    async with hub.database.reading(caller.organization_id) as tx:
        environment = await find_environment(tx, caller.organization_id, environment_id)
    if environment.service_id != service_id:
        raise NotFound(f"The service {service_id:.50} has no environment with this id")
    named, secret = (
        schema.get("properties", {}) for schema in (environment.user_data_schema, environment.credentials_schema)
    )
    return {
        "userData": {key: value for key, value in data.items() if key in named},
        "credentials": {key: value for key, value in data.items() if key not in named or key in secret},
    }
