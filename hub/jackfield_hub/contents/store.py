"""Kept files in the database: one statement a function. Times are the database's own."""

from __future__ import annotations

from sqlalchemy import delete as delete_from
from sqlalchemy import select, update

from jackfield_hub.database import Transaction
from jackfield_hub.tables import content_pieces, contents


async def touch(tx: Transaction, digest: str) -> bool:
    """Say that this content is wanted now; return False when it is not there."""
    wanted = update(contents).where(contents.c.digest == digest)
    return await tx.count_changed(wanted.values(wanted_at=await tx.now())) == 1


async def insert(tx: Transaction, digest: str, upload_id: str, pieces: int) -> bool:
    """Say which pieces this content is; return False when somebody else has."""
    values = {"digest": digest, "upload_id": upload_id, "pieces": pieces, "wanted_at": await tx.now()}
    return await tx.insert_if_absent(contents, values)


async def find(tx: Transaction, digest: str) -> tuple[str, int] | None:
    """Return upload and number of pieces of a content, or None."""
    row = await tx.one_or_none(select(contents.c.upload_id, contents.c.pieces).where(contents.c.digest == digest))
    return None if row is None else (row["upload_id"], row["pieces"])


async def insert_piece(tx: Transaction, upload_id: str, number: int, content: bytes) -> None:
    values = {"upload_id": upload_id, "number": number, "content": content, "created_at": await tx.now()}
    await tx.execute(content_pieces.insert().values(**values))


async def find_piece(tx: Transaction, upload_id: str, number: int) -> bytes | None:
    """Return one piece, or None when it is not there any more."""
    return await tx.scalar(
        select(content_pieces.c.content).where(
            content_pieces.c.upload_id == upload_id, content_pieces.c.number == number
        )
    )


async def delete_pieces(tx: Transaction, upload_id: str) -> None:
    await tx.execute(delete_from(content_pieces).where(content_pieces.c.upload_id == upload_id))


async def list_old(tx: Transaction, seconds: float) -> list[str]:
    """Return the digests of what nobody has wanted to keep for so long."""
    rows = await tx.rows(select(contents.c.digest).where(contents.c.wanted_at < await tx.now() - seconds))
    return [row["digest"] for row in rows]


async def delete(tx: Transaction, digest: str, seconds: float) -> bool:
    """Remove a content; return False when it is wanted again."""
    removal = delete_from(contents).where(contents.c.digest == digest, contents.c.wanted_at < await tx.now() - seconds)
    return await tx.count_changed(removal) == 1


async def delete_lost_pieces(tx: Transaction, seconds: float) -> None:
    """Remove pieces that became no content for so long."""
    is_known = select(contents.c.upload_id).where(contents.c.upload_id == content_pieces.c.upload_id).exists()
    await tx.execute(
        delete_from(content_pieces).where(~is_known, content_pieces.c.created_at < await tx.now() - seconds)
    )
