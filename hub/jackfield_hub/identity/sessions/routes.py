"""Signing in and out: for scripts as JSON, for people as a page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from jackfield_hub.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    refusals,
)
from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.sessions import openid, pages, passwords, service
from jackfield_hub.identity.sessions.openid import NotVouchedFor, OnTheWay
from jackfield_hub.identity.sessions.shapes import (
    ChangedPassword,
    NewSession,
    NobodyHere,
    NotYourPassword,
    Session,
    SignIn,
    WrongPassword,
)
from jackfield_hub.json_body import read_model
from jackfield_hub.web import (
    SESSION_COOKIE,
    CurrentCaller,
    CurrentHub,
    CurrentSession,
    body_of,
    cookie_name,
    described_body,
    origin_of,
    read_body,
)

router = APIRouter(tags=["Sessions"])

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
OPENID_COOKIE = "jackfield-openid"
MAX_FORM_BYTES = 64 * 1024


def _check_is_same_site(request: Request) -> None:
    """Browsers say from where a form or a script sends something. Other sites must not sign anybody in."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This was sent by another site; open the page of the hub itself")


async def _sent_form(request: Request, _ours: Annotated[None, Depends(_check_is_same_site)]) -> dict[str, str]:
    text = (await read_body(request, MAX_FORM_BYTES)).decode("ascii", errors="replace")
    return dict(parse_qsl(text, keep_blank_values=True, errors="replace"))


SentForm = Annotated[dict[str, str], Depends(_sent_form)]


@router.post(
    "/v1/sessions",
    responses=refusals(InvalidInput, WrongPassword, Conflict, RateLimited),
    openapi_extra={**described_body(SignIn), "security": []},
    dependencies=[Depends(_check_is_same_site)],
)
async def create_session(request: Request, response: Response, hub: CurrentHub) -> Session:
    """Sign a member in with e-mail and password. The session is kept in a cookie."""
    wanted = read_model(SignIn, await read_body(request, hub.settings.max_body_bytes))
    new = await service.sign_in(hub, wanted, _address(request))
    _set_cookie(response, request, new.text, service.SESSION_SECONDS)
    return await service.read_session(hub, new.text)


@router.get("/v1/session", responses=refusals(Unauthorized))
async def read_session(session: CurrentSession, hub: CurrentHub) -> Session:
    """Tell what the pages of this browser's session need to know."""
    return await service.read_session(hub, session or "")


@router.delete("/v1/session", status_code=204, responses=refusals(Forbidden))
async def delete_session(request: Request, session: CurrentSession, hub: CurrentHub) -> Response:
    """Sign out."""
    if session is None:
        raise Unauthorized
    service.check_is_ours(session, request.headers.get("x-csrf-token"))
    await service.sign_out(hub, session)
    answer = Response(status_code=204)
    _set_cookie(answer, request, "", 0)
    return answer


@router.put(
    "/v1/me/password",
    status_code=204,
    responses=refusals(InvalidInput, Forbidden, RateLimited),
    openapi_extra=described_body(ChangedPassword),
)
async def change_password(
    wanted: Annotated[ChangedPassword, Depends(body_of(ChangedPassword))],
    request: Request,
    caller: CurrentCaller,
    session: CurrentSession,
    hub: CurrentHub,
) -> None:
    """Change your own password. Your other sessions end; your tokens stay."""
    await passwords.change_password(hub, caller, wanted, address=_address(request), session=session)


@router.get(f"{SIGN_IN}/password", include_in_schema=False)
async def show_password(session: CurrentSession, hub: CurrentHub) -> Response:
    """Ask for the old password and a new one; whoever is not signed in signs in first."""
    try:
        await service.identify(hub, session or "")
    except Unauthorized:
        return RedirectResponse(f"{SIGN_IN}?next={SIGN_IN}/password", 303, {"Cache-Control": "no-store"})
    return pages.password_page(service.csrf_token(session or ""))


@router.post(f"{SIGN_IN}/password", include_in_schema=False)
async def submit_password(form: SentForm, request: Request, session: CurrentSession, hub: CurrentHub) -> Response:
    """Change the password and go back, or say what was wrong."""
    caller = await service.identify(hub, session or "")
    service.check_is_ours(session or "", form.get("csrf"))
    try:
        wanted = ChangedPassword.model_validate(
            {"oldPassword": form.get("old_password", ""), "newPassword": form.get("new_password", "")}
        )
        await passwords.change_password(hub, caller, wanted, address=_address(request), session=session)
    except ValidationError:
        problem, status = "A password has 12 to 1000 characters.", 400
    except (NotYourPassword, RateLimited, Forbidden) as refusal:
        problem, status = f"{refusal.message}.", refusal.status
    else:
        return RedirectResponse(SIGN_IN, 303, {"Cache-Control": "no-store"})
    return pages.password_page(service.csrf_token(session or ""), problem=problem, status=status)


@router.get(SIGN_IN, include_in_schema=False)
async def show(
    session: CurrentSession,
    hub: CurrentHub,
    go_on: Annotated[str, Query(alias="next", max_length=2000)] = SIGN_IN,
    organization: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show who is signed in here, or ask for e-mail and password."""
    try:
        caller = await service.identify(hub, session or "")
    except Unauthorized:
        return pages.sign_in_page(_own_path(go_on), organization=organization, openid=_provider(hub))
    me = await identity.who_is(hub, caller)
    return pages.signed_in_page(me.name, me.email or "", service.csrf_token(session or ""))


@router.post(SIGN_IN, include_in_schema=False)
async def submit(form: SentForm, request: Request, hub: CurrentHub) -> Response:
    """Sign in and go on, or say what was wrong."""
    go_on, email = _own_path(form.get("next", "")), form.get("email", "")
    organization = form.get("organization", "")
    wanted = SignIn.model_construct(
        email=email[:254], password=form.get("password", "")[:1000], organization_id=organization or None
    )
    try:
        new: NewSession = await service.sign_in(hub, wanted, _address(request))
    except (WrongPassword, RateLimited, Conflict) as refusal:
        return pages.sign_in_page(
            go_on,
            organization=organization,
            email=email,
            problem=f"{refusal.message}.",
            status=refusal.status,
            openid=_provider(hub),
        )
    return _go_on(request, new, go_on)


@router.get(f"{SIGN_IN}/openid", include_in_schema=False)
async def leave_for_provider(
    request: Request, hub: CurrentHub, go_on: Annotated[str, Query(alias="next", max_length=2000)] = SIGN_IN
) -> Response:
    """Send a browser to the OpenID provider."""
    _require_provider(hub)
    try:
        url, there = await openid.depart(hub, origin_of(request), _own_path(go_on))
    except NotVouchedFor as refusal:
        return _say(hub, refusal)
    answer = RedirectResponse(url, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    _set_cookie(answer, request, there.to_cookie(), openid.WAY_SECONDS, OPENID_COOKIE)
    return answer


@router.get(openid.CALLBACK_PATH, include_in_schema=False)
async def come_back(request: Request, hub: CurrentHub) -> Response:
    """Take a browser back from the OpenID provider."""
    _require_provider(hub)
    origin = origin_of(request)
    try:
        there = OnTheWay.from_cookie(request.cookies.get(cookie_name(origin, OPENID_COOKIE), ""))
        email = await openid.arrive(hub, origin, request.url.query, there)
        answer = _go_on(request, await service.sign_in_as(hub, email), _own_path(there.go_on))
    except (NotVouchedFor, NobodyHere, Conflict) as refusal:
        answer = _say(hub, refusal)
    _set_cookie(answer, request, "", 0, OPENID_COOKIE)
    return answer


@router.post(SIGN_OUT, include_in_schema=False)
async def leave(form: SentForm, request: Request, session: CurrentSession, hub: CurrentHub) -> Response:
    """Sign out and ask for e-mail and password again."""
    if session is not None:
        service.check_is_ours(session, form.get("csrf"))
        await service.sign_out(hub, session)
    answer = RedirectResponse(SIGN_IN, 303, {"Cache-Control": "no-store"})
    _set_cookie(answer, request, "", 0)
    return answer


def _go_on(request: Request, new: NewSession, path: str) -> Response:
    answer = RedirectResponse(path, 303, {"Cache-Control": "no-store"})
    _set_cookie(answer, request, new.text, service.SESSION_SECONDS)
    return answer


def _say(hub: Hub, refusal: Refused) -> Response:
    return pages.sign_in_page(SIGN_IN, problem=f"{refusal.message}.", status=refusal.status, openid=_provider(hub))


def _provider(hub: Hub) -> str:
    """Return the host of the OpenID provider, or nothing."""
    return urlsplit(hub.settings.openid_issuer).hostname or ""


def _require_provider(hub: Hub) -> None:
    if not hub.settings.openid_issuer:
        raise NotFound("This hub has no OpenID provider")


def _own_path(text: str) -> str:
    """Return where to go on, if that is on this hub: a link must not lead people elsewhere by way of our page."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if is_own and "\\" not in text else SIGN_IN


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _set_cookie(answer: Response, request: Request, text: str, seconds: float, name: str = SESSION_COOKIE) -> None:
    origin = origin_of(request)
    safely = "; Secure" if origin.startswith("https://") else ""
    cookie = f"{cookie_name(origin, name)}={text}; Path=/; Max-Age={seconds:.0f}; HttpOnly; SameSite=Lax{safely}"
    answer.headers.append("Set-Cookie", cookie)
