"""What a browser does without scripts: cookies, redirects, forms. Somebody who signs in on the hub's own pages."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from tests.hub.graphql import ask
from tests.hub.people import Person

MAX_REDIRECTS = 5


@dataclass
class Page(HTMLParser):
    """A page as it came, and what is on it."""

    path: str
    status: int
    headers: Mapping[str, str]
    text: str
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)  #: of the form, by name, as they stand there
    attributes: dict[str, dict[str, str | None]] = field(default_factory=dict)  #: of these fields
    message: Any = None  #: what is told to the opening window
    origins: list[str] = field(default_factory=list)
    leads_to: str = ""  #: where the page goes on to by itself

    def __post_init__(self) -> None:
        super().__init__()
        self._writing_to = ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        name = said.get("name") or ""
        if tag == "form":
            self.action = said.get("action") or ""
        elif tag == "body":
            self.message = json.loads(said["data-message"] or "") if "data-message" in said else None
            self.origins = json.loads(said.get("data-origins") or "[]")
        elif tag == "meta" and said.get("http-equiv") == "refresh":
            self.leads_to = (said.get("content") or "").partition("url=")[2]
        elif tag in ("input", "textarea", "select"):
            self._meet(tag, name, said)
        elif tag == "option" and "selected" in said:
            self.fields[self._writing_to] = said.get("value") or ""

    def _meet(self, tag: str, name: str, said: dict[str, str | None]) -> None:
        self.attributes[name] = said
        self._writing_to = name
        if said.get("type") != "checkbox" or "checked" in said:
            self.fields[name] = said.get("value") or ("on" if said.get("type") == "checkbox" else "")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea":
            self.fields[self._writing_to] = data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        self.lasttag = ""

    def problem(self, name: str) -> str:
        """Return what stands beside a field, or ""."""
        said = self.attributes[name].get("aria-describedby") or ""
        for element_id in said.split():
            found = re.search(rf'class="problem" id="{re.escape(element_id)}">([^<]*)<', self.text)
            if found:
                return html.unescape(found[1])
        return ""


@dataclass
class Visitor:
    """Somebody with a browser of their own."""

    session: aiohttp.ClientSession
    cookies: dict[str, str] = field(default_factory=dict)

    async def open(self, url: str) -> Page:
        """Return the page an address leads to."""
        return await self._send("GET", url, None, {})

    async def send(self, page: Page, action: str = "", headers: Mapping[str, str] | None = None, **said: str) -> Page:
        """Send a page's form. `said` fills fields: `credentials_apiKey` means `credentials/apiKey`."""
        filled = page.fields | {name.replace("_", "/", 1): text for name, text in said.items()}
        return await self.post(page.action + action, filled, headers)

    async def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Page:
        labels = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return await self._send("POST", path, urlencode(form).encode(), labels)

    async def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Page:
        path = _here(url)
        for _ in range(MAX_REDIRECTS):
            cookies = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
            said = {**headers, **({"Cookie": cookies} if cookies else {})}
            async with self.session.request(method, path, data=body, headers=said, allow_redirects=False) as answer:
                self._keep(answer)
                if answer.status not in (302, 303):
                    return Page(path, answer.status, answer.headers, await answer.text())
                method, body, path = "GET", None, answer.headers["Location"]
        raise AssertionError("redirected without end")

    def _keep(self, answer: aiohttp.ClientResponse) -> None:
        for cookie in answer.headers.getall("Set-Cookie", []):
            name, _, text = cookie.partition(";")[0].partition("=")
            self.cookies[name] = text
            if "Max-Age=0" in cookie:
                del self.cookies[name]


def _here(url: str) -> str:
    """Return the path of an address of the hub, whatever host it names."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def code_for(founder: Person, person: Person) -> str:
    """Return a code that lets somebody into the dialog, as the founder's program asks for it."""
    user_id = (await person.get("/v1/me")).json["id"]
    made = await ask(
        founder,
        "mutation($id: ID!) { generateAuthorizationCode(input: {userId: $id}) { authorizationCode } }",
        id=user_id,
    )
    return made["generateAuthorizationCode"]["authorizationCode"]


def link(kind: str = "create", rest: str = "", /, **query: str | Sequence[str]) -> str:
    """Return an address of the dialog; `scopes` stands for `scopes[]`."""
    said = {("scopes[]" if name == "scopes" else name): text for name, text in query.items()}
    return f"/external/auth/{kind}/acme{rest}?{urlencode(said, doseq=True)}"
