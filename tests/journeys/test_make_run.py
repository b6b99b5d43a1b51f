"""What a newcomer does first: `make run`, then the README, then the tutorial, all as they are written."""

import json
import re
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.house import House, free_port, running_house
from tests.journeys.pasted import REPOSITORY, newcomers_folder, paste, read_page

README = REPOSITORY / "README.md"
TUTORIAL = REPOSITORY / "docs" / "tutorial" / "first-connector.md"


@dataclass
class TwoRuns:
    """The house as it is now, and what the run before it had printed and remembered."""

    house: House
    first_printed: str
    first_memory: dict[str, object]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Generator[TwoRuns]:
    data, port = tmp_path_factory.mktemp("house"), free_port()
    with running_house(data, port) as first:
        printed, memory = first.printed, json.loads((data / "run.json").read_text())
    with running_house(data, port) as second:
        yield TwoRuns(second, printed, memory)


def outcome_in(printed: str) -> dict[str, object]:
    """Return the JSON that stands in what was printed."""
    answer = re.search(r"^\{$.*?^\}$", printed, re.M | re.S)
    assert answer, printed
    return json.loads(answer[0])


def test_make_run_ends_in_a_called_operation(runs: TwoRuns):
    answer = outcome_in(runs.first_printed)

    assert answer["outcome"] == "success"
    assert "Ada Mensah" in runs.first_printed
    assert f"Ready: http://127.0.0.1:{runs.house.port}" in runs.first_printed


def test_a_second_make_run_goes_on_with_the_same_data(runs: TwoRuns):
    memory = json.loads((runs.house.data / "run.json").read_text())

    assert memory == runs.first_memory  # the same auth, and the same ports: Ctrl-C had ended Kinto and the hub
    assert outcome_in(runs.house.printed)["outcome"] == "success"


def test_the_curl_lines_work_as_pasted(runs: TwoRuns):
    lines = runs.house.curl_lines()

    answers = [json.loads(subprocess.check_output(["bash", "-c", line])) for line in lines]

    assert len(answers) >= 3
    assert "customers" in {element["name"] for element in answers[0]["elements"]}
    assert all(answer.get("outcome", "success") == "success" for answer in answers)


def test_the_files_with_tokens_are_for_their_owner_only(runs: TwoRuns):
    for name in ("authorization", "environment", "run.json"):
        assert (runs.house.data / name).stat().st_mode & 0o077 == 0, name
    assert runs.house.data.stat().st_mode & 0o066 == 0


def test_the_readme_works_as_pasted(runs: TwoRuns, tmp_path: Path):
    folder = newcomers_folder(tmp_path / "jackfield", runs.house.data)

    printed = paste(read_page(README), folder, instead={"8765": str(free_port())})

    assert printed.count('"Kettle"') >= 3  # run here, called on the hub by the command, and by curl
    assert json.loads(printed.strip().splitlines()[-1])["outcome"] == "success"


def test_the_tutorial_works_as_pasted(runs: TwoRuns, tmp_path: Path):
    folder = newcomers_folder(tmp_path / "jackfield", runs.house.data)

    paste(read_page(TUTORIAL), folder)
