"""Files as the hub knows them, what clients see of them, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, Field

from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.errors import Forbidden, Refused, TooLarge

SECRET = "secret"  #: the sealed column, and the field it is sealed for


class FileState(StrEnum):
    """How far a file has come."""

    ARRIVING = "arriving"  #: its bytes are on their way; nobody can read it yet
    READY = "ready"  #: all of it is kept


@dataclass(frozen=True, slots=True)
class FileOwner:
    """Whose file it is: an organization's, and there an end user's or (None) its own."""

    organization_id: str
    owner_id: str | None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file. `secret` is what its links are signed with, sealed by `key`; `expires_at` its end and theirs."""

    file_id: str
    owner: FileOwner
    name: str
    mime_type: str
    size: int
    state: FileState
    expires_at: float
    secret: bytes
    key: SealedKey

    @property
    def place(self) -> str:
        """Where its bytes are: `<organization>/<file>`. Nothing a client chose is part of it."""
        return place_of(self.owner.organization_id, self.file_id)


def place_of(organization_id: str, file_id: str) -> str:
    """Return where the bytes of a file are kept."""
    return f"{organization_id}/{file_id}"


class FileReference(BaseModel):
    """A file by where to fetch it until when. Give it to an operation as it is."""

    name: str
    url: str = Field(description="Whoever holds it may read the file, without a token, until it expires.")
    mime_type: str
    expires: float = Field(description="When the link stops working, in seconds since 1970.")


class QuotaUsedUp(TooLarge):
    """The organization keeps as many bytes in files as it may."""

    code = "file_quota_used_up"


class StoreFull(Refused):
    """There is no room left where files are kept. Whoever runs the hub has to make some."""

    status = 507
    code = "file_store_full"


class LinkExpired(Forbidden):
    """The link to this file has expired."""

    code = "link_expired"


class LinkInvalid(Forbidden):
    """The link to this file was not made by this hub, or was changed since."""

    code = "link_invalid"


class RangeOutside(Refused):
    """The file has no such bytes."""

    status = 416
    code = "range_outside"
