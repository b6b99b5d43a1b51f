"""Fixtures and options for the tests of a connector.

    recorded     the service, as it was recorded; with --record or --live the service itself
    connector    the project's Connector

A recording is `tests/recordings/<test>.json`. Whom to sign in as is in `auth.ctx.json`, for --record and --live only.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from jackfield.auth_file import LocalAuth
from jackfield.connector import Connector, ConnectorMistake
from jackfield.egress.differences import Change, Difference, differences
from jackfield.egress.grant import Grant
from jackfield.egress.local import LocalTransport
from jackfield.egress.policy import AddressPolicy
from jackfield.egress.recordings import BadRecording, Exchange, Recorder, Recording, Replay, fingerprint
from jackfield.egress.redaction import redactor
from jackfield.egress.templates import resolve_template
from jackfield.errors import OperationError
from jackfield.local_files import WithFiles
from jackfield.project import AUTH_FILE, METADATA_FILE, Project, ProjectMistake, find_project, load
from jackfield.testing import Guarded, Recorded

_FORBIDDEN_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass
class _Findings:
    """What a run with --diff found, and which test owns which recording."""

    differences: list[str] = field(default_factory=list[str])
    owners: dict[Path, str] = field(default_factory=dict[Path, str])


_FINDINGS = pytest.StashKey[_Findings]()
_HAS_PASSED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("jackfield", "tests of a connector")
    options.addoption("--record", action="store_true", help="ask the live service and write its answers down")
    options.addoption("--live", action="store_true", help="ask the live service instead of the recordings")
    options.addoption("--diff", action="store_true", help="with --live: say which fields are not as recorded")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FINDINGS] = _Findings()
    if config.getoption("--record") and config.getoption("--live"):
        raise pytest.UsageError("--record asks the live service anyway: leave out --live")
    if config.getoption("--diff") and not config.getoption("--live"):
        raise pytest.UsageError("--diff compares the live service with the recordings: add --live")


def pytest_collect_file(file_path: Path) -> None:
    """Let a test import the package of the project it is in, wherever pytest was started."""
    for folder in file_path.parents:
        if (folder / METADATA_FILE).is_file():
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
            return


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_HAS_PASSED] = report.passed
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash[_FINDINGS].differences
    if found:
        terminalreporter.section("the live service and the recordings")
        terminalreporter.write_line("\n".join(found))


@pytest.fixture
def connector(request: pytest.FixtureRequest) -> Connector:
    """The Connector of the project this test is in, with all its operations."""
    return _load(_project(request))


@pytest.fixture
def recorded(request: pytest.FixtureRequest, connector: Connector) -> Iterator[Recorded]:
    """The service of the project this test is in: its recorded answers, or with --record and --live itself."""
    project = _project(request)
    file = _recording_file(request)
    if request.config.getoption("--record"):
        with _live(project, connector) as (service, recorder, auth):
            yield service
        if request.node.stash.get(_HAS_PASSED, False) and recorder.exchanges:
            recording = Recording(tuple(recorder.exchanges), auth.user_data)
            recording.write(file, redactor(auth.secrets(connector)))
    elif request.config.getoption("--live"):
        with _live(project, connector) as (service, recorder, _):
            yield service
        if request.config.getoption("--diff"):
            _compare(request, file, recorder.exchanges)
    else:
        yield _replayed(connector, file)


def _fail(message: str) -> NoReturn:
    raise pytest.fail.Exception(message, pytrace=False) from None


def _project(request: pytest.FixtureRequest) -> Project:
    try:
        return find_project(request.path.parent)
    except ProjectMistake as mistake:
        _fail(str(mistake))


def _load(project: Project) -> Connector:
    try:
        return load(project)
    except (ProjectMistake, ConnectorMistake) as mistake:
        _fail(str(mistake))


def _recording_file(request: pytest.FixtureRequest) -> Path:
    name = _FORBIDDEN_IN_FILE_NAMES.sub("-", request.node.name).strip("-")
    file = request.path.parent / "recordings" / f"{name}.json"
    owner = request.config.stash[_FINDINGS].owners.setdefault(file, request.node.nodeid)
    if owner != request.node.nodeid:
        _fail(f"Another test has the same recording, {file.name}: {owner}. Give one another name.")
    return file


@contextmanager
def _live(project: Project, connector: Connector) -> Generator[tuple[Recorded, Recorder, LocalAuth]]:
    try:
        auth = LocalAuth.read(project.folder / AUTH_FILE)
        grant = auth.grant(connector)
        base_url = resolve_template(connector.base_url, auth.user_data)
    except (ProjectMistake, OperationError) as mistake:
        _fail(str(mistake))
    with LocalTransport(grant) as transport:
        recorder = Recorder(transport)
        yield Recorded(connector, WithFiles(recorder), base_url, auth.user_data), recorder, auth


def _replayed(connector: Connector, file: Path) -> Recorded:
    try:
        recording = Recording.read(file)
        base_url = resolve_template(connector.base_url, recording.user_data)
        grant = _declared(connector, recording)
    except FileNotFoundError:
        _fail(
            f"Nothing is recorded for this test yet: {file.parent.name}/{file.name} is missing.\n"
            "Record it from the live service: jackfield connector test --record"
        )
    except (BadRecording, OperationError) as mistake:
        _fail(str(mistake))
    return Recorded(connector, WithFiles(Guarded(Replay(recording), grant)), base_url, recording.user_data)


def _declared(connector: Connector, recording: Recording) -> Grant:
    return Grant.to_service(
        connector.base_url,
        hosts=connector.hosts,
        user_data=recording.user_data,
        sign_in=connector.sign_in,
        credentials={},
        addresses=AddressPolicy(),
    )


def _compare(request: pytest.FixtureRequest, file: Path, live: list[Exchange]) -> None:
    try:
        recording = Recording.read(file)
    except (FileNotFoundError, BadRecording):
        _fail("There is no recording to compare with: make one with --record")
    found = [
        (difference, f"{request.node.name}: {exchange.request.method} {exchange.request.url}: {difference}")
        for exchange, before in _pairs(live, list(recording.exchanges))
        for difference in _between(before, exchange)
    ]
    request.config.stash[_FINDINGS].differences.extend(line for _, line in found)
    broken = [line for difference, line in found if difference.change is not Change.APPEARED]
    if broken:
        _fail("The live service is not as it was recorded:\n" + "\n".join(broken))


def _pairs(live: list[Exchange], recorded: list[Exchange]) -> Iterator[tuple[Exchange, Exchange]]:
    """Pair each live exchange with the recorded one of the same request, else with the one in the same place.

    Addresses often hold an id the service made up a moment ago: then only the place is the same.
    """
    by_request = {fingerprint(exchange.request): exchange for exchange in reversed(recorded)}
    for place, exchange in enumerate(live):
        in_place = recorded[place : place + 1]
        neighbour = next((old for old in in_place if old.request.method == exchange.request.method), None)
        before = by_request.get(fingerprint(exchange.request), neighbour)
        if before is not None:
            yield exchange, before


def _between(recorded: Exchange, live: Exchange) -> Iterator[Difference]:
    before, now = recorded.response, live.response
    if before.status != now.status:
        yield Difference("status", Change.CHANGED_VALUE, f" from {before.status} to {now.status}")
    yield from differences(before.readable_body(), now.readable_body())
