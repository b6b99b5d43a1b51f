"""References in the input of a call: which files they mean, and whether the caller may mean them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from jackfield.egress.policy import parse_url
from jackfield.errors import NotAllowed
from jackfield.exchange import Json, JsonObject
from jackfield.validation import problem_text
from jackfield_hub.errors import InvalidInput
from jackfield_hub.files import store
from jackfield_hub.files.links import Link
from jackfield_hub.files.service import is_signed
from jackfield_hub.files.shapes import StoredFile
from jackfield_hub.hub import Hub

MAX_REFERENCES = 1000
_KEYS = frozenset({"name", "url", "mime_type", "expires"})


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file that is kept elsewhere. It is fetched when it is first needed."""

    url: str
    name: str
    mime_type: str


GivenFile = StoredFile | ForeignFile


async def find_given(hub: Hub, organization_id: str, asked: JsonObject) -> dict[str, GivenFile]:
    """Return the files an input refers to, by their URLs. Raises InvalidInput, which names the places that do not fit.

    Of our own files only the organization's may be named, by links we made. That one has expired, was changed, or is
    another organization's, is told in the same words.
    """
    given: dict[str, GivenFile] = {}
    problems: list[str] = []
    for place, reference in _references(asked):
        file = await _find(hub, organization_id, reference)
        if file is None:
            problems.append(f"#{place}: the file is not there, or not for you: it may have expired")
        else:
            given[reference["url"]] = file
    if problems or len(given) > MAX_REFERENCES:
        raise InvalidInput(problem_text(problems or [f"#: more than {MAX_REFERENCES} files"]))
    return given


async def _find(hub: Hub, organization_id: str, reference: JsonObject) -> GivenFile | None:
    url = reference["url"]
    link = Link.parse(url)
    if link is None or not _is_ours(hub, url):
        return _foreign(reference)
    async with hub.database.reading(organization_id) as tx:
        file = await store.find_file(tx, link.file_id)
    is_theirs = file is not None and file.owner.organization_id == organization_id and is_signed(hub, file, link)
    return file if is_theirs and link.expires > hub.clock() else None


def _is_ours(hub: Hub, url: str) -> bool:
    """Whether a link of our form leads to us. A hub that was not told its address takes all of them for its own."""
    return not hub.settings.public_url or url.startswith(f"{hub.settings.public_url}/")


def _foreign(reference: JsonObject) -> ForeignFile | None:
    try:
        parse_url(reference["url"])
    except NotAllowed:
        return None
    return ForeignFile(reference["url"], str(reference["name"]), str(reference["mime_type"]))


def _references(asked: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Give every reference in an input, with where it is: `("/attachments/0", {…})`."""
    inside: list[tuple[str, Json]] = [("", asked)]  # objects and lists, those further out first
    for place, value in inside:
        if isinstance(value, dict):
            named = cast("dict[str, Any]", value)
            if named.keys() >= _KEYS and isinstance(named["url"], str):
                yield place, named
                continue
            inner = named.items()
        else:
            inner = enumerate(cast("list[Any]", value))
        inside += [(f"{place}/{key}", one) for key, one in inner if isinstance(one, dict | list)]
