"""Dialogs: opened with a code, found again by what their browser holds, ended once.

    link with a code ── open_new, open_edit ──> dialog ── entry.py ──> an auth
                                                  └────── consent.py ──> the provider ──> an auth

A page is shown to whoever has the cookie. What its forms send needs the token in them, and no cookie: in a frame on
another site, browsers may keep them from a window that was opened from there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jackfield_hub.auths import service as auths
from jackfield_hub.auths.sealing import open_json
from jackfield_hub.auths.vault import DoesNotOpen, SealedKey
from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.dialog import store
from jackfield_hub.dialog.shapes import Asked, CodeRefused, Dialog, DialogOver, Draft, NewDialog, Sealed, Subject
from jackfield_hub.errors import NotFound, Unauthorized, UnknownUser
from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.end_users.service import redeem_code
from jackfield_hub.identity.shapes import Caller, CallerKind, Right
from jackfield_hub.identity.tokens import digest_of
from jackfield_hub.services import service as services
from jackfield_hub.services.effective import open_environment, service_of
from jackfield_hub.services.finding import find_environment, find_service
from jackfield_hub.services.shapes import Service, ServiceEnvironment

DIALOG_SECONDS = 30 * 60.0
DRAFT = "draft"  # the field of a dialog that is sealed
_SECRET_BYTES = 32


async def open_new(hub: Hub, code: str, asked: Asked) -> NewDialog:
    """Open a dialog for a new auth; the code is used up. Raises CodeRefused, NotFound for an unknown service."""
    caller = await _redeem(hub, code)
    async with hub.database.reading(caller.organization_id) as tx:
        if asked.environment_id is not None:
            environment = await find_environment(tx, caller.organization_id, asked.environment_id)
            if asked.service_id not in (None, environment.service_id):
                raise NotFound(f"The service {asked.service_id:.50} has no such environment")
        if asked.service_id is not None:
            await find_service(tx, caller.organization_id, asked.service_id)
    return await _insert(
        hub,
        caller,
        service_id=asked.service_id,
        service_environment_id=asked.environment_id,
        scopes=list(asked.scopes),
        is_edit=False,
    )


async def open_edit(hub: Hub, code: str, auth_id: str, scopes: tuple[str, ...]) -> NewDialog:
    """Open a dialog that changes an auth; the code is used up. Raises CodeRefused, NotFound, Forbidden."""
    caller = await _redeem(hub, code)
    auth = await auths.open_own(hub, caller, auth_id)
    return await _insert(
        hub,
        caller,
        service_id=auth.sealed.service_id,
        service_environment_id=auth.sealed.environment.environment_id,
        auth_id=auth_id,
        scopes=list(dict.fromkeys((*auth.sealed.scopes, *scopes))),
        is_edit=True,
    )


async def find_shown(hub: Hub, dialog_id: str, secret: str) -> Dialog:
    """Return the dialog whose cookie holds this secret. Raises DialogOver."""
    dialog, row = await find_dialog(hub, dialog_id)
    if not hmac.compare_digest(digest_of(secret).hex(), row["hash"]):
        raise DialogOver
    return replace(dialog, form_token=form_token_of(secret))


async def find_sent(hub: Hub, dialog_id: str, form_token: str) -> Dialog:
    """Return the dialog whose form holds this token. Raises DialogOver."""
    dialog, row = await find_dialog(hub, dialog_id)
    if not hmac.compare_digest(digest_of(form_token).hex(), row["form_hash"]):
        raise DialogOver
    return replace(dialog, form_token=form_token)


async def find_dialog(hub: Hub, dialog_id: str) -> tuple[Dialog, Mapping[Any, Any]]:
    """Return a dialog, and its row. Raises DialogOver when its time or its user is gone."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        row = await store.find_dialog(tx, dialog_id, hub.clock())
        if row is None:
            raise DialogOver
        caller = _caller(row)
        if caller.user_id is not None:
            await _check_is_here(tx, caller, caller.user_id)
    return _to_dialog(row, caller), row


async def list_choices(hub: Hub, dialog: Dialog) -> list[tuple[Service, ServiceEnvironment]]:
    """Return what one may choose to sign in to: services with their environments, by title."""
    async with hub.database.reading(dialog.caller.organization_id) as tx:
        choices = await services.list_choices(tx, dialog.caller.organization_id)
    return [choice for choice in choices if dialog.service_id in (None, choice[0].service_id)]


async def choose(hub: Hub, dialog: Dialog, environment_id: str) -> Dialog:
    """Say which environment of which service the dialog is about. Raises NotFound."""
    if not any(environment.environment_id == environment_id for _, environment in await list_choices(hub, dialog)):
        raise NotFound("There is no such service to sign in to")
    async with hub.database.transaction(dialog.caller.organization_id) as tx:
        await store.update_dialog(
            tx, dialog.caller.organization_id, dialog.dialog_id, service_environment_id=environment_id
        )
    return replace(dialog, environment_id=environment_id)


async def find_subject(hub: Hub, dialog: Dialog) -> Subject:
    """Return the service and environment a dialog is about. Raises NotFound, also when nothing is chosen yet."""
    if dialog.environment_id is None:
        raise NotFound("Choose first what you want to sign in to")
    async with hub.database.reading(dialog.caller.organization_id) as tx:
        environment = await find_environment(tx, dialog.caller.organization_id, dialog.environment_id)
        service = await find_service(tx, dialog.caller.organization_id, environment.service_id)
    return Subject(service_of(service, environment), environment, open_environment(hub.vault, environment))


async def finish(hub: Hub, dialog: Dialog) -> bool:
    """End a dialog. Return False when it has been ended before: nothing may be stored then."""
    async with hub.database.transaction(dialog.caller.organization_id) as tx:
        return await store.finish_dialog(tx, dialog.caller.organization_id, dialog.dialog_id, hub.clock())


async def close(hub: Hub, dialog: Dialog) -> None:
    """Forget a dialog that nobody wants any more, with what was filled in."""
    async with hub.database.transaction(dialog.caller.organization_id) as tx:
        await store.update_dialog(
            tx, dialog.caller.organization_id, dialog.dialog_id, expires_at=hub.clock(), draft=None, key_id=None
        )


async def reopen(hub: Hub, dialog: Dialog) -> None:
    """Go on with a dialog that was ended too early: its auth could not be stored."""
    async with hub.database.transaction(dialog.caller.organization_id) as tx:
        await store.update_dialog(tx, dialog.caller.organization_id, dialog.dialog_id, finished_at=None)


async def remember_auth(hub: Hub, dialog: Dialog, auth_id: str) -> None:
    """Write down which auth the dialog has ended with."""
    async with hub.database.transaction(dialog.caller.organization_id) as tx:
        await store.update_dialog(tx, dialog.caller.organization_id, dialog.dialog_id, auth_id=auth_id)


def open_draft(hub: Hub, dialog: Dialog) -> Draft | None:
    """Return what somebody had filled in before they went to the provider, or None."""
    if dialog.draft is None:
        return None
    try:
        said = open_json(hub.vault, dialog.draft.key, dialog.dialog_id, DRAFT, dialog.draft.content)
    except DoesNotOpen:
        return None
    return Draft(**said)


def form_token_of(secret: str) -> str:
    """Return what the forms of a dialog hold. It follows from the cookie's secret, and does not tell it."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


async def _redeem(hub: Hub, code: str) -> Caller:
    try:
        return await redeem_code(hub, code)
    except Unauthorized:
        raise CodeRefused from None


async def _check_is_here(tx: Transaction, caller: Caller, user_id: str) -> None:
    try:
        await identity.find_end_user(tx, caller, user_id)
    except UnknownUser:  # they were removed while they were at it
        raise DialogOver from None


async def _insert(hub: Hub, caller: Caller, **values: Any) -> NewDialog:
    new, now = NewDialog(str(uuid.uuid4()), secrets.token_urlsafe(_SECRET_BYTES)), hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        await store.forget_old_dialogs(tx, caller.organization_id, now)
        await store.insert_dialog(
            tx,
            id=new.dialog_id,
            hash=digest_of(new.secret).hex(),
            form_hash=digest_of(form_token_of(new.secret)).hex(),
            organization_id=caller.organization_id,
            user_id=caller.user_id,
            created_at=now,
            expires_at=now + DIALOG_SECONDS,
            **values,
        )
    return new


def _caller(row: Mapping[Any, Any]) -> Caller:
    """Whoever the code let in: an end user, or the organization itself."""
    kind = CallerKind.MASTER if row["user_id"] is None else CallerKind.END_USER
    return Caller(row["organization_id"], kind, row["user_id"], row["hash"], frozenset({Right.STORE_AUTHS}))


def _to_dialog(row: Mapping[Any, Any], caller: Caller) -> Dialog:
    draft = None
    if row["draft"] is not None and row["sealed_key"] is not None:
        draft = Sealed(row["draft"], SealedKey(row["key_id"], row["organization_id"], row["sealed_key"]))
    return Dialog(
        dialog_id=row["id"],
        caller=caller,
        service_id=row["service_id"],
        environment_id=row["service_environment_id"],
        auth_id=row["auth_id"],
        is_edit=row["is_edit"],
        is_finished=row["finished_at"] is not None,
        scopes=tuple(row["scopes"]),
        draft=draft,
    )
