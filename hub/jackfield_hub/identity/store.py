"""Organizations, their people, tokens, invitations and names in the database: one statement a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, delete, func, insert, or_, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.identity.shapes import CallerKind, Role, UserKind
from jackfield_hub.paging import AskedPage, Cut, cut_page
from jackfield_hub.tables import (
    invites,
    namespaces,
    organizations,
    sessions,
    tokens,
    users,
    workspace_members,
    workspaces,
)

_ACCOUNTS = (UserKind.MEMBER, UserKind.API)
_OWN_TOKENS = (CallerKind.MASTER, CallerKind.API)  # by what they are: an index leads past those of end users


async def insert_organization(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(organizations).values(**values))


async def has_organizations(tx: Transaction) -> bool:
    """Tell whether anybody lives here yet."""
    return await tx.scalar(select(organizations.c.id).limit(1)) is not None


async def count_organizations(tx: Transaction) -> int:
    """Return how many live here."""
    return await tx.scalar(select(func.count()).select_from(organizations))


async def insert_user(tx: Transaction, **values: Any) -> bool:
    """Store a user; return False when the organization has one with this e-mail or external id already."""
    return await tx.insert_if_absent(users, values)


async def find_user(tx: Transaction, organization_id: str, user_id: str) -> RowMapping | None:
    """Return a user who was not removed, or None."""
    return await tx.one_or_none(select(users).where(_is_here(organization_id), users.c.id == user_id))


async def find_owner(tx: Transaction, organization_id: str) -> RowMapping | None:
    """Return the member who owns the organization."""
    is_owner = and_(users.c.kind == UserKind.MEMBER, users.c.role == Role.OWNER)
    return await tx.one_or_none(select(users).where(_is_here(organization_id), is_owner))


async def list_users_by_email(tx: Transaction, organization_id: str, emails: Sequence[str]) -> Sequence[RowMapping]:
    """Return id and email of the users who have exactly these e-mails."""
    return await tx.rows(select(users.c.id, users.c.email).where(_is_here(organization_id), users.c.email.in_(emails)))


async def list_accounts(tx: Transaction, organization_id: str, email: str | None, asked: AskedPage) -> Cut:
    """Return one page of the members and programs; with `email` only who has exactly this one."""
    found = select(users).where(_is_here(organization_id), users.c.kind.in_(_ACCOUNTS))
    return await cut_page(tx, found if email is None else found.where(users.c.email == email), users, asked)


async def set_role(tx: Transaction, organization_id: str, user_id: str, role: Role) -> None:
    await tx.execute(update(users).where(_is_here(organization_id), users.c.id == user_id).values(role=role))


async def remove_user(tx: Transaction, organization_id: str, user_id: str, now: float) -> bool:
    """Forget who somebody was and let them in no more; return False when they are not here."""
    forgotten = {"email": None, "external_id": None, "password_hash": None, "role": None, "name": "Removed user"}
    removal = update(users).where(_is_here(organization_id), users.c.id == user_id)
    if await tx.count_changed(removal.values(removed_at=now, **forgotten)) != 1:
        return False
    of_user = and_(tokens.c.organization_id == organization_id, tokens.c.user_id == user_id)
    await tx.execute(delete(tokens).where(of_user))
    await tx.execute(
        delete(sessions).where(sessions.c.organization_id == organization_id, sessions.c.user_id == user_id)
    )
    memberships = workspace_members.c
    await tx.execute(
        delete(workspace_members).where(memberships.organization_id == organization_id, memberships.user_id == user_id)
    )
    return True


async def insert_token(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(tokens).values(**values))


async def find_live_token(tx: Transaction, token_hash: str, now: float) -> RowMapping | None:
    """Return organization_id, user_id, kind, role and expires_at of a token that is neither revoked nor expired."""
    return await tx.one_or_none(
        select(tokens.c.organization_id, tokens.c.user_id, tokens.c.kind, tokens.c.expires_at, users.c.role)
        .join(users, users.c.id == tokens.c.user_id, isouter=True)
        .where(tokens.c.hash == token_hash, _is_live(now), users.c.removed_at.is_(None))
    )


async def list_workspace_roles(tx: Transaction, organization_id: str, user_id: str) -> list[Role]:
    """Return the roles somebody has in shared workspaces, each once. In one's personal workspace one is an Admin."""
    memberships = workspace_members.c
    found = (
        select(memberships.role)
        .join(workspaces, workspaces.c.id == memberships.workspace_id)
        .where(
            memberships.organization_id == organization_id,
            memberships.user_id == user_id,
            workspaces.c.type == "Shared",
        )
    )
    return [Role(row["role"]) for row in await tx.rows(found.distinct())]


async def list_tokens(tx: Transaction, organization_id: str, now: float) -> Sequence[RowMapping]:
    """Return the organization's own live tokens and its programs' and members', with `role`, the oldest first."""
    found = _tokens_with_role().where(
        tokens.c.organization_id == organization_id, tokens.c.kind.in_(_OWN_TOKENS), _is_live(now)
    )
    return await tx.rows(found.order_by(tokens.c.created_at, tokens.c.id))


async def find_token(tx: Transaction, organization_id: str, token_id: str, now: float) -> RowMapping | None:
    """Return a live token of this organization with the role of whom it acts as, or None."""
    return await tx.one_or_none(
        _tokens_with_role().where(tokens.c.organization_id == organization_id, tokens.c.id == token_id, _is_live(now))
    )


async def revoke_token(tx: Transaction, organization_id: str, token_hash: str, now: float) -> bool:
    """Revoke a live token of this organization; return False when there is none."""
    revocation = (
        update(tokens)
        .where(tokens.c.hash == token_hash, tokens.c.organization_id == organization_id, tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return await tx.count_changed(revocation) == 1


async def forget_expired_tokens(tx: Transaction, organization_id: str, now: float) -> None:
    """Remove the tokens of an organization whose time is over."""
    await tx.execute(delete(tokens).where(tokens.c.organization_id == organization_id, tokens.c.expires_at <= now))


async def insert_invite(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(invites).values(**values))


async def count_invites_since(tx: Transaction, organization_id: str, since: float) -> int:
    """Return how many invitations an organization has sent since then."""
    sent = and_(invites.c.organization_id == organization_id, invites.c.created_at > since)
    return await tx.scalar(select(func.count()).select_from(invites).where(sent))


async def find_open_invite(tx: Transaction, token_hash: str, now: float) -> RowMapping | None:
    """Return the invitation of any organization that has this link, if it can still be accepted."""
    return await tx.one_or_none(select(invites).where(invites.c.token_hash == token_hash, _is_open(now)))


async def set_invite_link(
    tx: Transaction, organization_id: str, invite_id: str, token_hash: str, now: float
) -> RowMapping | None:
    """Give an open invitation a new link; return the invitation, or None when there is none."""
    of_invite = and_(invites.c.organization_id == organization_id, invites.c.id == invite_id, _is_open(now))
    await tx.execute(update(invites).where(of_invite).values(token_hash=token_hash))
    return await tx.one_or_none(select(invites).where(of_invite))


async def accept_invite(tx: Transaction, invite_id: str, now: float) -> bool:
    """Use an invitation up; return False when somebody was quicker."""
    acceptance = update(invites).where(invites.c.id == invite_id, _is_open(now))
    return await tx.count_changed(acceptance.values(accepted_at=now, token_hash=None)) == 1


async def read_namespace(tx: Transaction, organization_id: str) -> str | None:
    """Return the organization's namespace, or None."""
    return await tx.scalar(select(namespaces.c.name).where(namespaces.c.organization_id == organization_id))


async def insert_namespace(tx: Transaction, organization_id: str, name: str) -> bool:
    """Store a namespace; return False when the organization has one, or when the name is another's."""
    return await tx.insert_if_absent(namespaces, {"organization_id": organization_id, "name": name})


def _tokens_with_role() -> Select[Any]:
    return select(tokens, users.c.role).join(users, users.c.id == tokens.c.user_id, isouter=True)


def _is_here(organization_id: str) -> ColumnElement[bool]:
    return and_(users.c.organization_id == organization_id, users.c.removed_at.is_(None))


def _is_live(now: float) -> ColumnElement[bool]:
    return and_(tokens.c.revoked_at.is_(None), or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now))


def _is_open(now: float) -> ColumnElement[bool]:
    return and_(invites.c.accepted_at.is_(None), invites.c.expires_at > now)
