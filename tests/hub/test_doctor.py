"""`jackfield doctor` on a machine with a hub."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jackfield_hub.doctor import doctor
from jackfield_hub.settings import Settings

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the logins of whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def look(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    answer = CliRunner().invoke(doctor, ["--json", *arguments])
    return answer.exit_code, {check["name"]: check for check in json.loads(answer.stdout)["elements"]}


def test_a_machine_without_a_hub_is_well() -> None:
    exit_code, checks = look()

    assert exit_code == 0
    assert set(checks) == {"python", "saved logins", "hub", "platform", "data folder", "database", "workers"}
    assert checks["workers"]["found"].startswith("the jail R1 holds (namespaces, seccomp, limits, landlock ABI ")
    assert not Path(".jackfield").exists(), "looking leaves nothing behind"


@pytest.mark.parametrize(
    ("missing", "exit_code", "found"),
    [("namespaces", 0, "the jail R2 holds"), ("landlock", 1, "this kernel has no landlock")],
)
def test_what_a_host_lacks_for_a_jail_is_named(missing: str, exit_code: int, found: str) -> None:
    command = [sys.executable, "-m", "tests.hub.another_host", f"--without-{missing}", "--", "doctor", "--json"]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60, check=False)

    checks = {check["name"]: check for check in json.loads(answer.stdout)["elements"]}
    assert answer.returncode == exit_code
    assert found in checks["workers"]["found"]
    assert checks["workers"]["nextStep"]


@pytest.mark.parametrize(
    ("what", "found", "said"),
    [
        ("broken", "ended with status 1 before it was ready: ModuleNotFoundError: No module named", "Traceback"),
        ("killed", "was ended by SIGKILL before it was ready", ""),
    ],
)
def test_a_zygote_that_does_not_start_says_why_to_the_doctor_and_to_the_log(what: str, found: str, said: str) -> None:
    command = [sys.executable, "-m", "tests.hub.another_host", f"--with-{what}-zygote", "--", "doctor", "--json"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    checks = {check["name"]: check for check in json.loads(answer.stdout)["elements"]}
    assert answer.returncode == 1
    assert found in checks["workers"]["found"]
    assert "look at the limits" in checks["workers"]["nextStep"]
    assert said in answer.stderr
    assert ("zygote_did_not_start" in answer.stderr) is bool(said)


@pytest.mark.parametrize("system", ["Darwin", "FreeBSD"])
def test_another_system_than_linux_is_told_where_connectors_can_run(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)

    exit_code, checks = look()

    assert exit_code == 1
    assert f"connectors run on Linux only, and this is {system}" in checks["workers"]["found"]
    assert "in a Linux container or virtual machine" in checks["workers"]["found"]


def test_a_hub_is_well_when_its_folder_is_its_owners_alone(settings: Settings) -> None:
    settings.data_dir.chmod(0o700)
    for path in settings.data_dir.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)

    exit_code, checks = look("--data", str(settings.data_dir))

    assert exit_code == 0
    assert checks["database"]["found"] == "it answers"


@pytest.mark.parametrize("name", ["keys/master.key", "core.db", "."])
def test_what_others_could_read_is_named_and_how_to_mend_it(settings: Settings, name: str) -> None:
    path = settings.data_dir / name
    path.chmod(0o755)

    exit_code, checks = look("--data", str(settings.data_dir))

    assert exit_code == 1
    assert str(path) in checks["data folder"]["found"]
    assert checks["data folder"]["nextStep"] == f"chmod -R go= {settings.data_dir}"


def test_a_database_that_does_not_answer_is_found(tmp_path: Path) -> None:
    exit_code, checks = look("--database", f"sqlite:///{tmp_path}/no/folder/core.db")

    assert exit_code == 1
    assert not checks["database"]["isWell"]


def test_a_setting_without_sense_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_CALL_SECONDS", "soon")

    exit_code, checks = look()

    assert exit_code == 1
    assert "JACKFIELD_CALL_SECONDS" in checks["settings"]["found"]


def test_a_variable_that_nobody_reads_is_shown_and_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_CALLSECONDS", "5")

    exit_code, checks = look()

    assert exit_code == 0
    assert "is JACKFIELD_CALL_SECONDS meant?" in checks["variables"]["found"]
