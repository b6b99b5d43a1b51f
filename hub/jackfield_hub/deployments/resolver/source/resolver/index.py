"""A Python package index, read over HTTP: its pages (PEP 503 and 691) and what its wheels depend on (PEP 658)."""

from __future__ import annotations

from dataclasses import replace
from email.parser import BytesHeaderParser
from functools import cache
from html.parser import HTMLParser
from platform import python_version
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from jackfield import Http, HttpAnswer, InvalidInput
from resolver.candidates import Candidate, File

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
PYTHON = Version(python_version())
NOT_THERE = (401, 403, 404, 410)  # indexes have their own ways to say that they do not have a package


class Index:
    """The index at the base URL of `http`. Every page and every wheel's metadata is read once."""

    def __init__(self, http: Http, tags: list[str]) -> None:
        self._http = http
        self._rank = {tag: number for number, tag in enumerate(tags)}
        self.candidates = cache(self._candidates)
        self.needs_of = cache(self._needs_of)

    def _candidates(self, name: str) -> list[Candidate]:
        """Return one candidate for each version that has a wheel for this machine, the newest first."""
        answer = self._http.get("/{name}/", path={"name": name}, headers={"Accept": ACCEPT}, accept=NOT_THERE)
        if answer.status in NOT_THERE:
            return []
        best: dict[Version, tuple[int, Candidate]] = {}
        for file in _files(answer):
            ranked = self._ranked(name, file)
            if ranked and (ranked[1].version not in best or ranked[0] < best[ranked[1].version][0]):
                best[ranked[1].version] = ranked
        return [best[version][1] for version in sorted(best, reverse=True)]

    def _ranked(self, name: str, file: File) -> tuple[int, Candidate] | None:
        """Return the file as a candidate, and how well it suits this machine; None when it does not."""
        try:
            its_name, version, _, tags = parse_wheel_filename(file.name)
            fits_python = not file.requires_python or SpecifierSet(file.requires_python).contains(PYTHON)
        except (InvalidWheelFilename, InvalidSpecifier):
            return None
        ranks = [self._rank[str(tag)] for tag in tags if str(tag) in self._rank]
        if its_name != name or not ranks or not fits_python:
            return None
        return min(ranks), Candidate(name, version, file)

    def _needs_of(self, file: File) -> tuple[Requirement, ...]:
        """Return what a wheel depends on, with the markers of that."""
        # Where the index has no metadata beside a wheel, the hub answers a request for the wheel with what is in it.
        url = f"{file.url}.metadata" if file.has_metadata else file.url
        metadata = BytesHeaderParser().parsebytes(self._http.get(url).content)
        try:
            return tuple(Requirement(line) for line in metadata.get_all("Requires-Dist", []))
        except InvalidRequirement:
            raise InvalidInput(f"{file.name} says in a way nobody understands what it depends on.") from None


def _files(answer: HttpAnswer) -> list[File]:
    kind = answer.headers.get("content-type", "")
    listed = _files_of_json(answer.json()) if "json" in kind else _files_of_html(answer.text)
    return [replace(file, url=urljoin(answer.url, file.url)) for file in listed if file.name.endswith(".whl")]


def _files_of_json(page: Any) -> list[File]:
    return [
        File(
            name=file["filename"],
            url=file["url"],
            sha256=file.get("hashes", {}).get("sha256", ""),
            requires_python=file.get("requires-python") or "",
            is_yanked=bool(file.get("yanked")),
            has_metadata=bool(file.get("core-metadata") or file.get("dist-info-metadata")),
        )
        for file in page["files"]
    ]


def _files_of_html(page: str) -> list[File]:
    reader = _Anchors()
    reader.feed(page)
    return reader.files


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        href = said.get("href")
        if tag != "a" or not href:
            return
        url, fragment = urldefrag(href)
        has_metadata = said.get("data-core-metadata") or said.get("data-dist-info-metadata") or "false"
        self.files.append(
            File(
                name=unquote(url.rpartition("/")[2]),
                url=url,
                sha256=fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else "",
                requires_python=said.get("data-requires-python") or "",
                is_yanked="data-yanked" in said,
                has_metadata=has_metadata != "false",
            )
        )
