"""The pages people see when they sign in to a service, and the address providers send them back to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from jackfield_hub.dialog import consent, entry, service
from jackfield_hub.dialog.pages import FOLDER, Pages
from jackfield_hub.dialog.service import DIALOG_SECONDS
from jackfield_hub.dialog.shapes import Asked, Departure, Dialog, DialogOver, Finished, NewDialog, NotSignedIn
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, Refused
from jackfield_hub.hub import Hub
from jackfield_hub.web import CurrentHub, read_body

MAX_FORM_BYTES = 1024 * 1024
MAX_FIELDS = 1000
STATIC_FILES = {"dialog.css": "text/css", "dialog.js": "text/javascript", "icon.svg": "image/svg+xml"}
DIALOG_PATH = "/external/auth/dialogs"


class PageRoute(APIRoute):
    """A route for people: what is refused is told on a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        serve = super().get_route_handler()

        async def serve_page(request: Request) -> Response:
            try:
                return await serve(request)
            except RequestValidationError:
                problem = InvalidInput("This link is not complete. Close this window and open it again.")
                return _trouble(request.app.state.hub, problem)
            except Refused as refusal:
                return _trouble(request.app.state.hub, refusal)

        return serve_page


router = APIRouter(include_in_schema=False, route_class=PageRoute)


def _pages(hub: CurrentHub) -> Pages:
    return Pages(hub.settings)


def _origin(request: Request, hub: CurrentHub) -> str:
    """Return where browsers find this hub, for example `https://hub.example.com`."""
    return hub.settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


CurrentPages = Annotated[Pages, Depends(_pages)]
Origin = Annotated[str, Depends(_origin)]


async def _shown_dialog(dialog_id: str, request: Request, hub: CurrentHub, origin: Origin) -> Dialog:
    secret = request.cookies.get(_cookie_name(f"jackfield-dialog-{dialog_id}", origin))
    if secret is None:
        raise DialogOver
    return _met(request, await service.find_shown(hub, dialog_id, secret))


async def _sent_form(request: Request) -> dict[str, str]:
    """Return what a form of ours was filled in with. Raises Forbidden when another site has sent it."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Forbidden("This form was not sent from its own page. Close this window and start again.")
    text = (await read_body(request, MAX_FORM_BYTES)).decode("ascii", errors="replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise Forbidden("This form holds more fields than any of ours") from None


SentForm = Annotated[dict[str, str], Depends(_sent_form)]


async def _sent_dialog(dialog_id: str, form: SentForm, request: Request, hub: CurrentHub) -> Dialog:
    return _met(request, await service.find_sent(hub, dialog_id, form.get("form", "")))


def _met(request: Request, dialog: Dialog) -> Dialog:
    """Leave the organization for the log."""
    request.state.organization_id = dialog.caller.organization_id
    return dialog


ShownDialog = Annotated[Dialog, Depends(_shown_dialog)]
SentDialog = Annotated[Dialog, Depends(_sent_dialog)]
Code = Annotated[str, Query(max_length=200)]


def _scopes(scopes: Annotated[list[str] | None, Query(alias="scopes[]", max_length=500)] = None) -> tuple[str, ...]:
    """Return each scope once. Form builders say `scopes[]=` when they mean none."""
    return tuple(dict.fromkeys(scope for scope in scopes or () if scope.strip()))


Scopes = Annotated[tuple[str, ...], Depends(_scopes)]


def _asked(
    scopes: Scopes,
    service_id: Annotated[str, Query(alias="serviceId")] = "",
    environment_id: Annotated[str, Query(alias="serviceEnvironmentId")] = "",
) -> Asked:
    return Asked(service_id or None, environment_id or None, scopes)


NewAuthAsked = Annotated[Asked, Depends(_asked)]


@router.get("/external/auth/create/{partner_name}")
async def open_new(code: Code, asked: NewAuthAsked, hub: CurrentHub, origin: Origin) -> Response:
    """Open the dialog for a new auth."""
    return _enter(await service.open_new(hub, code, asked), origin)


@router.get("/external/auth/edit/{partner_name}/{auth_id}")
async def open_edit(auth_id: str, code: Code, scopes: Scopes, hub: CurrentHub, origin: Origin) -> Response:
    """Open the dialog for changes to an auth."""
    return _enter(await service.open_edit(hub, code, auth_id, scopes), origin)


@router.get(f"{DIALOG_PATH}/{{dialog_id}}")
async def show(dialog: ShownDialog, hub: CurrentHub, pages: CurrentPages) -> Response:
    """Show the page a dialog is at."""
    if dialog.is_finished:
        return pages.finished(dialog, await entry.ending(hub, dialog))
    return await _form_or_choices(hub, dialog, pages)


@router.post(f"{DIALOG_PATH}/{{dialog_id}}/service")
async def choose(dialog: SentDialog, form: SentForm, hub: CurrentHub, pages: CurrentPages) -> Response:
    """Choose what to sign in to."""
    chosen = await service.choose(hub, dialog, form.get("environment", ""))
    return await _form_or_choices(hub, chosen, pages)


@router.post(f"{DIALOG_PATH}/{{dialog_id}}")
async def submit(dialog: SentDialog, form: SentForm, hub: CurrentHub, origin: Origin, pages: CurrentPages) -> Response:
    """Take what was filled in."""
    if dialog.is_finished:
        return pages.finished(dialog, await entry.ending(hub, dialog))
    match await entry.submit(hub, dialog, form, origin):
        case Finished() as message:
            return pages.finished(dialog, message)
        case Departure() as departure:
            answer = pages.leaving(await service.find_subject(hub, dialog), departure.url)
            _set_cookie(answer, departure.cookie, departure.secret, origin, consent.STATE_SECONDS)
            return answer
        case page:
            return pages.form(page)


@router.post(f"{DIALOG_PATH}/{{dialog_id}}/cancel")
async def cancel(dialog: SentDialog, hub: CurrentHub, origin: Origin, pages: CurrentPages) -> Response:
    """Go no further."""
    await service.close(hub, dialog)
    answer = pages.closed()
    _set_cookie(answer, f"jackfield-dialog-{dialog.dialog_id}", "", origin, 0)
    return answer


@router.get(consent.REDIRECT_PATH)
async def come_back(request: Request, hub: CurrentHub, origin: Origin, pages: CurrentPages) -> Response:
    """Take a browser back from a provider."""
    prefix = _cookie_name("", origin)
    cookies = {name[len(prefix) :]: secret for name, secret in request.cookies.items() if name.startswith(prefix)}
    try:
        consented = await consent.complete(hub, request.url.query, cookies)
    except NotSignedIn as refusal:
        is_here = f"jackfield-dialog-{refusal.dialog_id}" in cookies
        return _trouble(hub, refusal, refusal.dialog_id if is_here else None)
    message = await entry.store(hub, consented.dialog, consented.subject, consented.draft, consented.scopes)
    return pages.finished(consented.dialog, message)


@router.get("/external/auth/static/{name}")
async def read_file(name: str) -> Response:
    """Read the script, the style or the icon of the pages."""
    if name not in STATIC_FILES:
        raise NotFound("There is no such file")
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=300"}
    return FileResponse(FOLDER / name, media_type=STATIC_FILES[name], headers=headers)


def _trouble(hub: Hub, refusal: Refused, dialog_id: str | None = None) -> Response:
    hub.numbers.count_refusal(refusal)
    return Pages(hub.settings).trouble(refusal, dialog_id)


async def _form_or_choices(hub: Hub, dialog: Dialog, pages: Pages) -> Response:
    if dialog.environment_id is None:
        return pages.choices(dialog, await service.list_choices(hub, dialog))
    return pages.form(await entry.show(hub, dialog))


def _enter(new: NewDialog, origin: str) -> Response:
    """Lead to the dialog's own address at once: the code must not stay where histories and other pages see it."""
    answer = RedirectResponse(f"{DIALOG_PATH}/{new.dialog_id}", 303)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    _set_cookie(answer, f"jackfield-dialog-{new.dialog_id}", new.secret, origin, DIALOG_SECONDS)
    return answer


def _set_cookie(answer: Response, name: str, value: str, origin: str, seconds: float) -> None:
    """Keep a secret in the browser, where no script can read it; in a frame on another site too, where that is safe."""
    where = "SameSite=None; Secure; Partitioned" if origin.startswith("https://") else "SameSite=Lax"
    cookie = f"{_cookie_name(name, origin)}={value}; Path=/; Max-Age={seconds:.0f}; HttpOnly; {where}"
    answer.headers.append("Set-Cookie", cookie)


def _cookie_name(name: str, origin: str) -> str:
    # With this prefix browsers take a cookie from nobody but this very host.
    return f"__Host-{name}" if origin.startswith("https://") else name
