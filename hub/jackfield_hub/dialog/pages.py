"""The pages of the dialog, drawn on the server. Nothing on them comes from another host, and no script is inline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import Response

from jackfield_hub.dialog.entry import Page
from jackfield_hub.dialog.shapes import Closed, Dialog, Failed, Finished, Subject
from jackfield_hub.errors import Refused
from jackfield_hub.services.shapes import Service, ServiceEnvironment
from jackfield_hub.settings import Settings
from jackfield_hub.templates import open_templates

FOLDER = Path(__file__).parent / "pages"
ANYBODY = ("*",)
Message = Finished | Closed | Failed

_templates = cache(open_templates)


class Pages:
    """Draws for a hub with these settings: they say who may show the dialog in a frame, and is told how it ends."""

    def __init__(self, settings: Settings) -> None:
        self._origins: Sequence[str] = settings.dialog_origins or ANYBODY

    def choices(self, dialog: Dialog, choices: Sequence[tuple[Service, ServiceEnvironment]]) -> Response:
        """Ask which service is meant."""
        return self._draw("choices.html", 200, dialog=dialog, choices=choices)

    def form(self, page: Page) -> Response:
        """Ask for what an auth must hold."""
        return self._draw("form.html", 400 if page.has_problems else 200, page=page, dialog=page.dialog)

    def leaving(self, subject: Subject, url: str) -> Response:
        """Send the browser to the provider.

        Not by a redirect: browsers hold those that follow a form against the page's own rules about forms.
        """
        return self._draw("leaving.html", 200, subject=subject, url=url)

    def finished(self, dialog: Dialog, message: Finished) -> Response:
        """The auth is stored."""
        return self._draw("finished.html", 200, message=message, is_edit=dialog.is_edit)

    def closed(self) -> Response:
        """The person does not want to go on."""
        return self._draw("closed.html", 200, message=Closed())

    def trouble(self, refusal: Refused, dialog_id: str | None = None) -> Response:
        """Say what is wrong, and lead back to the form where there is one."""
        message = Failed(error=refusal.message)
        return self._draw("trouble.html", refusal.status, message=message, dialog_id=dialog_id)

    def _draw(self, template: str, status: int, **data: Any) -> Response:
        message: Message | None = data.pop("message", None)
        said = "" if message is None else message.model_dump_json()
        page = (
            _templates(FOLDER).get_template(template).render(message=message, said=said, origins=self._origins, **data)
        )
        return Response(page, status, self._headers(), media_type="text/html")

    def _headers(self) -> dict[str, str]:
        return {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
                f"form-action 'self'; frame-ancestors {' '.join(self._origins)}"
            ),
            "X-Content-Type-Options": "nosniff",
            # Our own pages may know where they were sent from (a form says so with its Origin), others may not.
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
