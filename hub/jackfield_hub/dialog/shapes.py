"""A dialog as the hub keeps it, what leads to one, and what its pages tell the window that opened them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from jackfield.auth import SignIn
from jackfield.credentials import AuthenticationType
from jackfield.exchange import JsonObject
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.errors import Refused
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.services.shapes import OpenedEnvironment, Service, ServiceEnvironment


class CodeRefused(Refused):
    """The link's code is unknown, used or too old."""

    status = 403
    code = "code_refused"

    def __init__(self) -> None:
        super().__init__(
            "This link has been used already, or is older than five minutes. Close this window and open it again."
        )


class DialogOver(Refused):
    """No such dialog is open in this browser: it has ended, is too old, or the browser kept no cookie for it."""

    status = 403
    code = "dialog_over"

    def __init__(self) -> None:
        super().__init__(
            "This sign-in is not open in this browser any more. Close this window and start again. If that does not "
            "help, let your browser keep cookies of this site."
        )


class NotSignedIn(Refused):
    """The provider did not sign the person in, or could not be asked."""

    status = 400
    code = "not_signed_in"

    def __init__(self, message: str, dialog_id: str | None = None) -> None:
        super().__init__(message)
        self.dialog_id = dialog_id


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link to the dialog asks for, besides its code."""

    service_id: str | None
    environment_id: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """Something only the vault can read."""

    content: bytes
    key: SealedKey


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog that is open, and who is at it."""

    dialog_id: str
    caller: Caller = field(repr=False)
    service_id: str | None
    environment_id: str | None  #: None: not chosen yet
    auth_id: str | None  #: the auth to change, or the one that was stored
    is_edit: bool
    is_finished: bool
    scopes: tuple[str, ...]
    draft: Sealed | None = field(repr=False)
    form_token: str = field(repr=False, default="")  #: the forms of its pages hold it; nobody else can know it


@dataclass(frozen=True, slots=True)
class NewDialog:
    """A dialog just opened, and the secret that its browser keeps in a cookie."""

    dialog_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody filled in."""

    name: str
    user_data: JsonObject = field(default_factory=dict[str, Any])
    credentials: JsonObject = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """Which service a dialog is about, as its environment changes it."""

    service: Service
    environment: ServiceEnvironment
    opened: OpenedEnvironment = field(repr=False)

    @property
    def sign_in(self) -> SignIn:
        return self.service.sign_in

    def user_data(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return what fills the service's addresses: what somebody said, under what holds for the environment."""
        return {**own, **self.opened.properties}


@dataclass(frozen=True, slots=True)
class State:
    """A person sent to a provider, as it is stored: the other end of the `state` in a callback."""

    state_hash: str
    organization_id: str
    dialog_id: str
    secrets: Sealed = field(repr=False)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes next, and the cookie by which it is recognised when it comes back."""

    url: str = field(repr=False)
    cookie: str
    secret: str = field(repr=False)


class Finished(BaseModel):
    """The auth is stored: what the opening window is told."""

    type: str = "tray.authpopup.finish"
    authType: str  # noqa: N815 - a name of the public API
    authId: str  # noqa: N815

    @classmethod
    def with_auth(cls, kind: AuthenticationType, auth_id: str) -> Finished:
        is_oauth = kind in (AuthenticationType.OAUTH1, AuthenticationType.OAUTH2)
        return cls(authType="oauth" if is_oauth else kind.value, authId=auth_id)


class Closed(BaseModel):
    """The person does not want to go on."""

    type: str = "tray.authpopup.close"


class Failed(BaseModel):
    """It did not work, and cannot be mended in this window. Mind the capital letter: clients compare it."""

    type: str = "tray.authPopup.error"
    error: str
