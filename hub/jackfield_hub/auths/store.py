"""The statements about stored auths and the data keys that seal them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table, and_, case, delete, func, or_, select, update

from jackfield.exchange import JsonObject
from jackfield_hub.auths.sealed_rows import SEALED, SealedRow, SealedTable
from jackfield_hub.auths.shapes import AuthState, Claim, Progress, SealedAuth
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.database import Transaction
from jackfield_hub.paging import Cut, Stretch, cut_stretch
from jackfield_hub.services.shapes import ServiceEnvironment
from jackfield_hub.tables import auths, data_keys, metadata

_KEY_OF = {one.name: metadata.tables[one.name].c.key_id == data_keys.c.id for one in SEALED}
TICK_SECONDS = 0.001
AT_REST: dict[str, Any] = {
    "refresh_lease_until": None,
    "refresh_after": None,
    "refresh_problem": None,
    "refused_at": None,
}


async def find_data_key(tx: Transaction, organization_id: str) -> SealedKey | None:
    """Return the newest data key of an organization, or None."""
    row = await tx.one_or_none(
        select(data_keys)
        .where(data_keys.c.organization_id == organization_id)
        .order_by(data_keys.c.created_at.desc(), data_keys.c.id)
        .limit(1)
    )
    return None if row is None else _to_key(row)


async def find_old_data_key(tx: Transaction, organization_id: str, key_id: str) -> SealedKey | None:
    """Return a data key of an organization that may have been replaced since, or None."""
    is_it = (data_keys.c.organization_id == organization_id, data_keys.c.id == key_id)
    row = await tx.one_or_none(select(data_keys).where(*is_it))
    return None if row is None else _to_key(row)


async def find_any_data_key(tx: Transaction) -> SealedKey | None:
    """Return the newest data key there is, or None: then nothing has ever been sealed."""
    row = await tx.one_or_none(select(data_keys).order_by(data_keys.c.created_at.desc()).limit(1))
    return None if row is None else _to_key(row)


async def insert_data_key(tx: Transaction, key: SealedKey, now: float) -> None:
    """Store a data key, which only the master key opens: the newest, even if another machine's clock was ahead."""
    own = data_keys.c.organization_id == key.organization_id
    after_the_last = select(func.max(data_keys.c.created_at) + TICK_SECONDS).where(own).scalar_subquery()
    created_at = case((after_the_last > now, after_the_last), else_=now)
    await tx.execute(
        data_keys.insert().values(
            id=key.key_id, organization_id=key.organization_id, sealed_key=key.sealed, created_at=created_at
        )
    )


async def list_data_keys(tx: Transaction) -> Sequence[SealedKey]:
    """Return every data key there is."""
    return [_to_key(row) for row in await tx.rows(select(data_keys).order_by(data_keys.c.id))]


async def list_sealed_organizations(tx: Transaction) -> Sequence[str]:
    """Return the organizations that have a data key."""
    rows = await tx.rows(select(data_keys.c.organization_id).distinct().order_by(data_keys.c.organization_id))
    return [row["organization_id"] for row in rows]


async def replace_sealed_key(tx: Transaction, old: SealedKey, new: SealedKey) -> None:
    """Store a data key as another master key seals it."""
    await tx.execute(update(data_keys).where(data_keys.c.id == old.key_id).values(sealed_key=new.sealed))


async def delete_replaced_keys(tx: Transaction, replaced_before: float) -> None:
    """Remove the data keys that seal nothing any more, and were replaced before that moment."""
    newer = data_keys.alias("newer")
    is_replaced = (
        select(newer.c.id)
        .where(
            newer.c.organization_id == data_keys.c.organization_id,
            newer.c.created_at > data_keys.c.created_at,
            newer.c.created_at < replaced_before,
        )
        .exists()
    )
    in_use = [select(metadata.tables[one.name].c.key_id).where(_KEY_OF[one.name]).exists() for one in SEALED]
    await tx.execute(delete(data_keys).where(is_replaced, *(~used for used in in_use)))


async def list_sealed_with_old_key(tx: Transaction, sealed: SealedTable, limit: int) -> Sequence[SealedRow]:
    """Return rows that are not sealed with the newest data key of their organization."""
    table, newer = metadata.tables[sealed.name], data_keys.alias("newer")
    is_old = (
        select(newer.c.id)
        .where(newer.c.organization_id == data_keys.c.organization_id, newer.c.created_at > data_keys.c.created_at)
        .exists()
    )
    rows = await tx.rows(
        select(table, data_keys.c.sealed_key)
        .join(data_keys, data_keys.c.id == table.c.key_id)
        .where(is_old)
        .order_by(*(table.c[name] for name in sealed.row))
        .limit(limit)
        .with_for_update(of=table)  # Postgres: nobody changes them meanwhile. SQLite has one writer.
    )
    return [_to_sealed_row(sealed, row) for row in rows]


async def list_one_of_each_key(tx: Transaction, sealed: SealedTable) -> Sequence[SealedRow]:
    """Return one row of this table for each data key that seals any."""
    table = metadata.tables[sealed.name]
    place = [table.c[name] for name in sealed.row]
    number = func.row_number().over(partition_by=table.c.key_id, order_by=place).label("number")
    numbered = select(*place, number).subquery()
    rows = await tx.rows(
        select(table, data_keys.c.sealed_key)
        .join(data_keys, data_keys.c.id == table.c.key_id)
        .join(numbered, and_(*(column == numbered.c[column.name] for column in place)))
        .where(numbered.c.number == 1)
    )
    return [_to_sealed_row(sealed, row) for row in rows]


def _to_sealed_row(sealed: SealedTable, row: RowMapping) -> SealedRow:
    key = SealedKey(row["key_id"], row["organization_id"], row["sealed_key"])
    place = tuple(row[name] for name in sealed.row)
    return SealedRow(sealed, place, key, {field: row[field] for field in sealed.fields})


async def replace_sealed(tx: Transaction, row: SealedRow, key: SealedKey, fields: Mapping[str, bytes]) -> None:
    """Store a row's secrets as another data key seals them."""
    table = metadata.tables[row.table.name]
    await tx.execute(
        update(table)
        .where(*_stands_at(table, row), table.c.key_id == row.old_key.key_id)
        .values(key_id=key.key_id, **fields)
    )


def _stands_at(table: Table, row: SealedRow) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in zip(row.table.row, row.place, strict=True)]


async def insert_auth(tx: Transaction, **values: Any) -> None:
    """Store an auth."""
    await tx.execute(auths.insert().values(**values))


async def find_environment_id(tx: Transaction, organization_id: str, auth_id: str) -> str | None:
    """Return the environment an auth of this organization is for, or None when there is no such auth."""
    return await tx.scalar(
        select(auths.c.service_environment_id).where(auths.c.organization_id == organization_id, auths.c.id == auth_id)
    )


async def find_auth(tx: Transaction, auth_id: str, environment: ServiceEnvironment) -> SealedAuth | None:
    """Return an auth of this environment with the key that seals it, or None."""
    row = await tx.one_or_none(
        select(auths, data_keys.c.sealed_key)
        .join(data_keys, data_keys.c.id == auths.c.key_id)
        .where(auths.c.service_environment_id == environment.environment_id, auths.c.id == auth_id)
    )
    return None if row is None else _to_auth(row, environment)


async def list_auths(tx: Transaction, organization_id: str, owner_id: str | None, stretch: Stretch) -> Cut:
    """Return id, name, state and service_environment_id of part of an owner's auths, in the order of their ids."""
    shown = select(auths.c.id, auths.c.name, auths.c.state, auths.c.service_environment_id)
    return await cut_stretch(tx, shown.where(_is_owned(organization_id, owner_id)), auths.c.id, stretch)


async def list_auth_ids(tx: Transaction, organization_id: str, owner_id: str) -> Sequence[str]:
    """Return the ids of all auths of a user."""
    return [row["id"] for row in await tx.rows(select(auths.c.id).where(_is_owned(organization_id, owner_id)))]


async def replace_auth(tx: Transaction, organization_id: str, auth_id: str, **values: Any) -> None:
    """Change an auth by hand. Whoever is renewing it comes too late."""
    await tx.execute(
        update(auths)
        .where(auths.c.organization_id == organization_id, auths.c.id == auth_id)
        .values(
            **values,
            **AT_REST,
            state=AuthState.ACTIVE,
            version=auths.c.refresh_fence + 1,
            refresh_fence=auths.c.refresh_fence + 1,
            refreshed_at=None,
        )
    )


async def rename_auth(tx: Transaction, organization_id: str, auth_id: str, name: str, now: float) -> None:
    """Change the name of an auth, and nothing that a renewal changes."""
    of_auth = update(auths).where(auths.c.organization_id == organization_id, auths.c.id == auth_id)
    await tx.execute(of_auth.values(name=name, updated_at=now))


async def delete_auth(tx: Transaction, organization_id: str, auth_id: str) -> None:
    """Remove an auth and what is sealed in it."""
    await tx.execute(delete(auths).where(auths.c.organization_id == organization_id, auths.c.id == auth_id))


async def find_progress(tx: Transaction, organization_id: str, auth_id: str) -> Progress | None:
    """Return how the renewal of an auth is getting on, or None when there is no such auth."""
    row = await tx.one_or_none(
        select(
            auths.c.version,
            auths.c.state,
            auths.c.refresh_lease_until,
            auths.c.refresh_after,
            auths.c.refresh_problem,
            auths.c.refused_at,
        ).where(auths.c.organization_id == organization_id, auths.c.id == auth_id)
    )
    if row is None:
        return None
    return Progress(
        version=row["version"],
        state=AuthState(row["state"]),
        lease_until=row["refresh_lease_until"],
        rests_until=row["refresh_after"],
        problem=row["refresh_problem"],
        refused_at=row["refused_at"],
    )


async def claim(tx: Transaction, seen: SealedAuth, now: float, lease_until: float) -> Claim | None:
    """Take the right to renew this version of an auth, or return None: somebody has it, or it is not the time."""
    row = await tx.one_or_none(
        update(auths)
        .where(
            auths.c.organization_id == seen.organization_id,
            auths.c.id == seen.auth_id,
            auths.c.version == seen.version,
            auths.c.state == AuthState.ACTIVE,
            or_(auths.c.refresh_lease_until.is_(None), auths.c.refresh_lease_until <= now),
            or_(auths.c.refresh_after.is_(None), auths.c.refresh_after <= now),
        )
        .values(refresh_lease_until=lease_until, refresh_fence=auths.c.refresh_fence + 1)
        .returning(auths.c.refresh_fence, auths.c.refused_at)
    )
    if row is None:
        return None
    return Claim(seen.organization_id, seen.auth_id, row["refresh_fence"], seen.version, row["refused_at"])


async def prolong(tx: Transaction, claim: Claim, lease_until: float) -> bool:
    """Keep the right a while longer; return False when somebody else has it, or nobody."""
    mine = update(auths).where(_is_claim(claim), auths.c.refresh_lease_until.is_not(None))
    return await tx.count_changed(mine.values(refresh_lease_until=lease_until)) == 1


async def store_renewed(tx: Transaction, claim: Claim, **values: Any) -> bool:
    """Store renewed credentials; return False when a later claim, or somebody by hand, has stored newer ones.

    A lease that somebody else has by now stays theirs.
    """
    newer = update(auths).where(_is_auth(claim), auths.c.version < claim.fence)
    is_stored = await tx.count_changed(
        newer.values(
            **values,
            state=AuthState.ACTIVE,
            version=claim.fence,
            refresh_after=None,
            refresh_problem=None,
            refused_at=None,
        )
    )
    await tx.execute(update(auths).where(_is_claim(claim)).values(refresh_lease_until=None))
    return is_stored == 1


async def store_problem(
    tx: Transaction, claim: Claim, problem: JsonObject, rests_until: float, refused_at: float | None
) -> bool:
    """Write down that there is no new token, and give the right back; return False when it is not ours any more."""
    mine = update(auths).where(_is_claim(claim), auths.c.version == claim.version)
    return (
        await tx.count_changed(
            mine.values(
                refresh_lease_until=None, refresh_after=rests_until, refresh_problem=problem, refused_at=refused_at
            )
        )
        == 1
    )


async def end_sign_in(tx: Transaction, claim: Claim, problem: JsonObject) -> bool:
    """Write down that somebody has to sign in again; return False when that is so already, or not true any more."""
    mine = update(auths).where(_is_claim(claim), auths.c.version == claim.version, auths.c.state == AuthState.ACTIVE)
    return (
        await tx.count_changed(
            mine.values(state=AuthState.NEEDS_REAUTH, refresh_lease_until=None, refresh_problem=problem)
        )
        == 1
    )


def _is_owned(organization_id: str, owner_id: str | None) -> ColumnElement[bool]:
    # "IS NOT DISTINCT FROM" would say both in one, but Postgres uses no index for it.
    is_owner = auths.c.owner_id.is_(None) if owner_id is None else auths.c.owner_id == owner_id
    return and_(auths.c.organization_id == organization_id, is_owner)


def _is_auth(claim: Claim) -> ColumnElement[bool]:
    return and_(auths.c.organization_id == claim.organization_id, auths.c.id == claim.auth_id)


def _is_claim(claim: Claim) -> ColumnElement[bool]:
    return and_(_is_auth(claim), auths.c.refresh_fence == claim.fence)


def _to_auth(row: RowMapping, environment: ServiceEnvironment) -> SealedAuth:
    return SealedAuth(
        auth_id=row["id"],
        organization_id=row["organization_id"],
        owner_id=row["owner_id"],
        environment=environment,
        name=row["name"],
        scopes=tuple(row["scopes"]),
        user_data=row["user_data"],
        credentials=row["credentials"],
        key=SealedKey(row["key_id"], row["organization_id"], row["sealed_key"]),
        version=row["version"],
        refreshed_at=row["refreshed_at"],
    )


def _to_key(row: RowMapping) -> SealedKey:
    return SealedKey(row["id"], row["organization_id"], row["sealed_key"])
