"""A connector's folder under the hands of its author: its tests, its code, its archive."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from jackfield.cli.environment import dependencies
from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.terminal import say
from jackfield.connector import Connector, ConnectorMistake
from jackfield.exchange import JsonObject
from jackfield.manifest import Manifest
from jackfield.project import Project, ProjectMistake, find_project, load, pack
from jackfield.shapes import ShapeMistake

WRITE_A_TEST = "jackfield connector add-operation writes an operation with its test"
# Where pytest-asyncio happens to be installed, it talks about an option that tests of connectors have no use for.
UNASKED_ADVICE = 'ignore:The configuration option "asyncio_default_fixture_loop_scope"'
NO_TESTS = 5  # what pytest exits with when it found none
STDERR = 2  # the descriptor: a test report is talk, not data


def here() -> Project:
    """Return the project of the current folder. Raises CommandFailed."""
    try:
        return find_project(Path.cwd())
    except ProjectMistake as mistake:
        raise CommandFailed(str(mistake)) from None


def load_connector(project: Project) -> Connector:
    """Import the author's code. What it prints goes to stderr; what it raises is shown with its traceback."""
    try:
        with redirect_stdout(sys.stderr):
            return load(project)
    except (ProjectMistake, ConnectorMistake, ShapeMistake) as mistake:
        raise CommandFailed(str(mistake)) from None
    except (Exception, SystemExit) as reason:
        say(traceback.format_exc(limit=-8))
        failed = f"the code of {project.metadata.name} cannot be imported; see above"
        raise CommandFailed(failed, _mend(project, reason)) from None


def _mend(project: Project, reason: BaseException) -> str:
    """Return what to do about code that cannot be imported; "" when its traceback says enough."""
    missing = (reason.name or "").partition(".")[0] if isinstance(reason, ModuleNotFoundError) else ""
    if missing in ("", project.package):
        return ""
    return f"if {missing} is a package you need, install it here and name it in pyproject.toml's dependencies"


def build(project: Project) -> tuple[Manifest, bytes]:
    """Return the connector as data and as the archive a hub takes. Raises CommandFailed."""
    connector = load_connector(project)
    try:
        manifest = connector.manifest(project.metadata)
    except (ConnectorMistake, ShapeMistake) as mistake:
        raise CommandFailed(str(mistake), "mend the operation it names, then build again") from None
    if not manifest.operations:
        raise CommandFailed("the connector has no operations yet", WRITE_A_TEST)
    dependencies(project.folder)
    return manifest, pack(project)


def write_archive(folder: Path, archive: bytes) -> Path:
    """Write dist/connector.zip in one step and return its path. Raises CommandFailed."""
    path = folder / "dist" / "connector.zip"
    draft = path.with_suffix(".draft")
    try:
        path.parent.mkdir(exist_ok=True)
        draft.write_bytes(archive)
        draft.replace(path)
    except OSError as mistake:
        raise CommandFailed(f"{path} cannot be written: {mistake.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return path


def find_tests(project: Project, operation: str | None) -> Path:
    """Return what pytest shall run: all tests, or those of one operation. Raises CommandFailed."""
    tests = project.folder / "tests"
    if operation is None:
        return tests
    wanted = tests / f"test_{operation.replace('-', '_')}.py"
    if not wanted.is_file():
        known = ", ".join(sorted(file.stem.removeprefix("test_") for file in tests.glob("test_*.py"))) or "none"
        raise CommandFailed(f"there is no test of {operation}: {wanted} is missing", f"tests there are: {known}")
    return wanted


@dataclass(frozen=True)
class TestRun:
    """How the tests ended: `[{"name": "test_x", "file": "tests.test_x", "outcome": "passed", "seconds": 0.1}]`."""

    __test__ = False  # pytest takes it for tests otherwise

    is_success: bool
    results: list[JsonObject]


def run_tests(folder: Path, tests: Path, options: Sequence[str], *, wants_results: bool = False) -> TestRun:
    """Run the tests with pytest in a process of their own; its report goes to stderr. Raises CommandFailed."""
    if not tests.exists():
        raise CommandFailed(f"there are no tests: {tests} is missing", WRITE_A_TEST)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        reporting = [f"--junitxml={report}"] if wants_results else []
        command = [sys.executable, "-W", UNASKED_ADVICE, "-m", "pytest", str(tests), *reporting, *options]
        sys.stderr.flush()
        done = subprocess.run(command, cwd=folder, stdout=STDERR, check=False)  # noqa: S603
        if done.returncode == NO_TESTS:
            raise CommandFailed("there are no tests", WRITE_A_TEST)
        return TestRun(done.returncode == 0, _read_results(report))


def check_tests(folder: Path) -> None:
    """Run all tests. Raises CommandFailed when one fails, or when there is none."""
    say("Running the tests")
    check_success(run_tests(folder, folder / "tests", ["-q"]))


def check_success(done: TestRun) -> None:
    if not done.is_success:
        raise CommandFailed("the tests failed; see above")
    say("Tests ran successfully", fg="green")


def _read_results(report: Path) -> list[JsonObject]:
    if not report.exists():  # nobody asked for it, or pytest did not come so far
        return []
    return [_result(case) for case in ElementTree.parse(report).getroot().iter("testcase")]  # noqa: S314 pytest wrote it


def _result(case: ElementTree.Element) -> JsonObject:
    marks = {"failure": "failed", "error": "failed", "skipped": "skipped"}
    found = next((child for child in case if child.tag in marks), None)
    result: JsonObject = {
        "name": case.get("name", ""),
        "file": case.get("classname", ""),
        "outcome": "passed" if found is None else marks[found.tag],
        "seconds": float(case.get("time", "0")),
    }
    return result if found is None else {**result, "message": found.get("message", "")}
