"""The form of a dialog: what it asks for, and what happens with what was filled in.

show ──> page ── submit ─┬─ problems ──────────────> the page again, with a sentence beside each field
                         ├─ needs consent ─────────> consent.py: off to the provider
                         └─ otherwise ─────────────> the auth is stored
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jackfield.auth import user_data_templates
from jackfield.connector import TEMPLATE_FIELDS
from jackfield.egress.templates import resolve_template
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject
from jackfield.oauth import OAuth1, OAuth2Code
from jackfield.oauth.ways import TokenHolder
from jackfield_hub.auths import service as auths
from jackfield_hub.auths.shapes import ChangedAuthentication, NewAuthentication, OpenedAuth
from jackfield_hub.dialog import consent, service
from jackfield_hub.dialog.form import FILL_IN, Field, Filled, Kind, fields_of, read_form
from jackfield_hub.dialog.shapes import Departure, Dialog, DialogOver, Draft, Finished, Subject
from jackfield_hub.errors import Refused
from jackfield_hub.hub import Hub

NAME, USER_DATA, CREDENTIALS = "name", "userData", "credentials"
SIGN_IN_AGAIN = "signInAgain"
MAX_NAME_CHARACTERS = 200
#: What providers give, and nobody types in.
_GIVEN = frozenset({"accessToken", "refreshToken", "accessTokenSecret", "tokenType", "expiresIn", "expiresAt"})


@dataclass(frozen=True, slots=True)
class Page:
    """The form as it is shown."""

    dialog: Dialog
    subject: Subject
    fields: Sequence[Field]
    needs_consent: bool  #: sending it leads to the provider
    may_skip_consent: bool  #: an auth that is signed in already
    wants_consent: bool
    problem: str = ""

    @property
    def has_problems(self) -> bool:
        return bool(self.problem) or any(_problems_in(self.fields))


@dataclass(frozen=True, slots=True)
class _Case:
    """What a dialog is about: a service, and the auth to change, if it is to change one."""

    dialog: Dialog
    subject: Subject
    stored: OpenedAuth | None = field(repr=False)
    is_active: bool  #: the stored one can be used as it is

    @property
    def needs_consent(self) -> bool:
        return isinstance(self.subject.sign_in, OAuth2Code | OAuth1)

    @property
    def stored_user_data(self) -> JsonObject:
        return {} if self.stored is None else self.stored.own_user_data

    @property
    def stored_credentials(self) -> JsonObject:
        return {} if self.stored is None else self.stored.credentials


@dataclass(frozen=True, slots=True)
class _Answers:
    """What was sent, read."""

    typed: Mapping[str, str] = field(repr=False)
    name: str
    user_data: Filled = field(repr=False)
    credentials: Filled = field(repr=False)
    problems: Mapping[str, str]

    @property
    def draft(self) -> Draft:
        return Draft(self.name, self.user_data.value, self.credentials.value)


async def show(hub: Hub, dialog: Dialog) -> Page:
    """Return the form of a dialog, filled with what is known already."""
    case = await _case(hub, dialog)
    known = Draft(case.subject.service.title)
    if case.stored is not None:
        known = Draft(case.stored.sealed.name, case.stored_user_data, case.stored_credentials)
    return _page(case, _fields(case, service.open_draft(hub, dialog) or known), wants_consent=not case.is_active)


async def submit(hub: Hub, dialog: Dialog, typed: Mapping[str, str], origin: str) -> Page | Departure | Finished:
    """Store what was filled in, or say what is wrong with it, or where the browser goes now to get consent."""
    case = await _case(hub, dialog)
    answers = _read(case, typed)
    if answers.problems:
        return _again(case, answers)
    try:
        if _leads_to_consent(case, answers):
            return await consent.begin(hub, dialog, case.subject, answers.draft, origin)
        return await store(hub, dialog, case.subject, answers.draft, dialog.scopes)
    except DialogOver:
        raise
    except (OperationError, Refused) as problem:
        return _again(case, answers, problem.message)


async def store(hub: Hub, dialog: Dialog, subject: Subject, draft: Draft, scopes: Sequence[str]) -> Finished:
    """Store the auth and end the dialog; nothing is stored twice. Raises DialogOver, and what auths refuse."""
    if not await service.finish(hub, dialog):
        raise DialogOver
    once = list(dict.fromkeys(scopes))
    try:
        auth_id = await (_change if dialog.is_edit else _create)(hub, dialog, subject, draft, once)
    except Refused:
        await service.reopen(hub, dialog)
        raise
    await service.remember_auth(hub, dialog, auth_id)
    return Finished.with_auth(subject.environment.authentication_type, auth_id)


async def ending(hub: Hub, dialog: Dialog) -> Finished:
    """Return what a dialog that is over has ended with. Raises DialogOver when it has ended with nothing."""
    if dialog.auth_id is None or dialog.environment_id is None:
        raise DialogOver
    subject = await service.find_subject(hub, dialog)
    return Finished.with_auth(subject.environment.authentication_type, dialog.auth_id)


async def _create(hub: Hub, dialog: Dialog, subject: Subject, draft: Draft, scopes: list[str]) -> str:
    wanted = NewAuthentication(
        name=draft.name,
        serviceEnvironmentId=subject.environment.environment_id,
        userData=draft.user_data,
        credentials=draft.credentials,
        scopes=scopes,
    )
    return await auths.create_auth(hub, dialog.caller, wanted)


async def _change(hub: Hub, dialog: Dialog, _subject: Subject, draft: Draft, scopes: list[str]) -> str:
    assert dialog.auth_id is not None, "an edit is of something"
    if _is_same(await auths.open_own(hub, dialog.caller, dialog.auth_id), draft):
        # The tokens are left alone: they may be renewed at this very moment.
        await auths.rename_auth(hub, dialog.caller, dialog.auth_id, draft.name)
        return dialog.auth_id
    changed = ChangedAuthentication(
        name=draft.name, userData=draft.user_data, credentials=draft.credentials, scopes=scopes
    )
    await auths.change_auth(hub, dialog.caller, dialog.auth_id, changed)
    return dialog.auth_id


async def _case(hub: Hub, dialog: Dialog) -> _Case:
    subject = await service.find_subject(hub, dialog)
    if not dialog.is_edit:
        return _Case(dialog, subject, None, is_active=False)
    assert dialog.auth_id is not None, "an edit is of something"
    stored = await auths.open_own(hub, dialog.caller, dialog.auth_id)
    return _Case(dialog, subject, stored, await auths.is_active(hub, dialog.caller, dialog.auth_id))


def _page(case: _Case, fields: Sequence[Field], *, wants_consent: bool, problem: str = "") -> Page:
    may_skip = case.needs_consent and case.is_active
    return Page(case.dialog, case.subject, fields, case.needs_consent, may_skip, wants_consent, problem)


def _again(case: _Case, answers: _Answers, problem: str = "") -> Page:
    fields = _fields(case, answers.draft, answers)
    return _page(case, fields, wants_consent=SIGN_IN_AGAIN in answers.typed, problem=problem)


def _fields(case: _Case, draft: Draft, answers: _Answers | None = None) -> list[Field]:
    name = Field(
        NAME,
        "Name",
        Kind.TEXT,
        "How you recognise it among others.",
        is_required=True,
        value=draft.name,
        problem=answers.problems.get(NAME, "") if answers else "",
    )
    user_data = fields_of(
        case.subject.environment.user_data_schema,
        USER_DATA,
        value=draft.user_data,
        filled=answers.user_data if answers else None,
    )
    credentials = fields_of(
        _typed_schema(case.subject),
        CREDENTIALS,
        value=case.stored_credentials or draft.credentials,
        filled=answers.credentials if answers else None,
        keeps=case.stored is not None,
    )
    return [name, *user_data, *credentials]


def _typed_schema(subject: Subject) -> JsonObject:
    """Return the schema of the credentials that people type in."""
    schema = subject.environment.credentials_schema
    if not isinstance(subject.sign_in, TokenHolder | OAuth1):
        return schema
    properties = {key: shape for key, shape in schema.get("properties", {}).items() if key not in _GIVEN}
    required = [key for key in schema.get("required", []) if key in properties]
    return {**schema, "properties": properties, "required": required}


def _read(case: _Case, typed: Mapping[str, str]) -> _Answers:
    user_data = read_form(case.subject.environment.user_data_schema, USER_DATA, typed, case.stored_user_data)
    credentials = read_form(_typed_schema(case.subject), CREDENTIALS, typed, case.stored_credentials)
    user_data.problems.update(_address_problems(case.subject, user_data.value))
    name = typed.get(NAME, "").strip()
    problems = {**_name_problems(name), **user_data.problems, **credentials.problems}
    return _Answers(typed, name, user_data, credentials, problems)


def _name_problems(name: str) -> dict[str, str]:
    if not name:
        return {NAME: FILL_IN}
    if len(name) > MAX_NAME_CHARACTERS:
        return {NAME: f"Please enter at most {MAX_NAME_CHARACTERS} characters."}
    return {} if name.isprintable() else {NAME: "Please use no control characters."}


def _address_problems(subject: Subject, user_data: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with texts that become part of an address: it is better said now than with each call."""
    problems: dict[str, str] = {}
    for template in (subject.service.base_url, *subject.service.hosts, *user_data_templates(subject.sign_in)):
        named = [key for key in TEMPLATE_FIELDS.findall(template) if key in user_data]
        try:
            resolve_template(template, subject.user_data(user_data))
        except OperationError as mistake:
            problems |= {f"{USER_DATA}/{key}": mistake.message for key in named[:1]}
    return problems


def _leads_to_consent(case: _Case, answers: _Answers) -> bool:
    if not case.needs_consent:
        return False
    is_signed_in = case.is_active and case.stored is not None and _is_same(case.stored, answers.draft)
    return SIGN_IN_AGAIN in answers.typed or not is_signed_in


def _is_same(stored: OpenedAuth, draft: Draft) -> bool:
    """Whether nothing but the name differs."""
    typed = {key: value for key, value in stored.credentials.items() if key in draft.credentials}
    return draft.user_data == stored.own_user_data and draft.credentials == typed


def _problems_in(fields: Sequence[Field]) -> Iterator[str]:
    for one in fields:
        yield from (one.problem, *_problems_in(one.fields))
