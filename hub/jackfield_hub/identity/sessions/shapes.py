"""Sessions, here and to browsers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, Field

from jackfield_hub.errors import Refused
from jackfield_hub.identity.shapes import Password


class WrongPassword(Refused):
    """No member has this e-mail with this password. Which of both is wrong is said to nobody."""

    status: ClassVar[int] = 401
    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__("The e-mail or the password is not right")


class NotYourPassword(Refused):
    """Whoever changes a password has to know the one there is."""

    status: ClassVar[int] = 403
    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__("The password you have is another one")


class NobodyHere(Refused):
    """Somebody is who they say, but no member of any organization."""

    status: ClassVar[int] = 403
    code = "nobody_here"


class SignIn(BaseModel):
    """Who wants to sign in."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=1000, repr=False)
    organization_id: str | None = Field(
        default=None, alias="organizationId", description="Which one is meant, for who is in several."
    )


class ChangedPassword(BaseModel):
    """Another password for whoever asks."""

    old_password: str = Field(alias="oldPassword", max_length=1000, repr=False)
    new_password: Password = Field(alias="newPassword", repr=False)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just made. Its text goes into the browser's cookie and is known to nobody else."""

    text: str = field(repr=False)
    organization_id: str
    expires_at: float


class Session(BaseModel):
    """The session of a browser."""

    csrf_token: str = Field(
        serialization_alias="csrfToken",
        description="To be sent as `X-CSRF-Token` with every request that changes something.",
    )
    expires_at: datetime = Field(serialization_alias="expiresAt")
