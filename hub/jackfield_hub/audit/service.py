"""The audit: an entry is stored together with what it tells of, or neither is."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING

from jackfield_hub.audit import store
from jackfield_hub.database import Transaction
from jackfield_hub.logs import log

if TYPE_CHECKING:  # it brings FastAPI along, which a courier has no use for
    from jackfield_hub.identity.shapes import Caller

HUB = "hub"  #: the actor when nobody asked for it


class Action(StrEnum):
    """What is written down."""

    AUTH_SHOWN = "auth.shown"  #: its owner read the credentials of an auth
    AUTH_NEEDS_REAUTH = "auth.needs_reauth"  #: the provider ended a sign-in; somebody has to sign in again
    RENEWAL_LOST = "auth.renewal_lost"  #: somebody began to renew a token and was never heard of again
    TOKEN_CREATED = "token.created"
    TOKEN_REVOKED = "token.revoked"
    USER_ADDED = "user.added"
    USER_REMOVED = "user.removed"
    PASSWORD_CHANGED = "user.password_changed"
    ROLE_CHANGED = "user.role_changed"
    CONNECTOR_SHARED = "connector.shared"  #: with others, who may call it from here on
    SERVICE_CREATED = "service.created"
    SERVICE_DELETED = "service.deleted"
    SERVICE_CHANGED = "service.changed"  #: the credentials of its auths may go to other hosts from here on
    ENVIRONMENT_CREATED = "environment.created"
    ENVIRONMENT_CHANGED = "environment.changed"


async def record(
    tx: Transaction,
    organization_id: str,
    action: Action,
    subject: str,
    at: float,
    *,
    caller: Caller | None = None,
    request_id: str | None = None,
) -> None:
    """Write down that `caller` (None: the hub by itself) did this to `subject`, an id."""
    actor = HUB if caller is None else caller.user_id or caller.kind.value
    await store.insert(
        tx,
        id=str(uuid.uuid4()),
        organization_id=organization_id,
        actor=actor,
        action=action.value,
        subject=subject,
        at=at,
        request_id=request_id,
    )
    tx.after_commit.append(lambda: log.info("audit", action=action.value, subject=subject, actor=actor))
