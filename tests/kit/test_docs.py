"""The documentation keeps up with the code: pages are current, links lead somewhere, decisions are numbered."""

import re
from pathlib import Path

import pytest

from docs.reference.messages import SITUATIONS
from docs.reference.write import errors_page, pages
from docs.why.two_kits import PAIRS, Pair, lines
from jackfield import __all__ as kit_names

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page for page in (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("*/README.md"), *(REPOSITORY / "docs").rglob("*.md"))
)
HUB = REPOSITORY / "hub" / "jackfield_hub"
CODE = re.compile(r'^    code = "(.+)"$', re.M)  # as classes of errors say it
LINK = re.compile(r"\]\(([^)#]+)")
IMPORT = re.compile(r"^from jackfield import (.+)$", re.M)


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_what_make_docs_would_write(name: str):
    written = (REPOSITORY / "docs" / "reference" / name).read_text(encoding="utf-8")

    assert written == pages()[name], "the code has changed: run `make docs`"


def test_every_code_the_hub_answers_with_is_on_the_page_of_errors_wherever_its_class_is():
    codes = {code for path in HUB.rglob("*.py") for code in CODE.findall(path.read_text(encoding="utf-8"))}
    page = errors_page()

    assert {"invalid_input", "link_expired", "#outcome_unknown"} <= codes
    assert [code for code in sorted(codes) if f"| `{code}` |" not in page] == []


@pytest.mark.parametrize("kind", ["OutcomeUnknown", "WorkerCrashed", "InvalidGrant", "StorageFull"])
def test_every_kind_of_error_is_on_the_page_of_errors_wherever_its_class_is(kind: str):
    assert f"| `{kind}` | `#" in errors_page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not link.startswith("https://")]

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_what_a_page_imports_from_the_kit_is_there(page: Path):
    imported = {name.strip() for line in IMPORT.findall(page.read_text(encoding="utf-8")) for name in line.split(",")}

    assert imported <= set(kit_names)


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(page.name[:4]) for page in sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_a_decision_says_why_and_what_else_was_possible():
    for page in (REPOSITORY / "docs" / "decisions").glob("*.md"):
        headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.M)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], page.name


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.title)
def test_an_operation_is_never_longer_than_in_the_official_kit(pair: Pair):
    assert len(pair.ours) <= len(pair.theirs)
    assert lines(pair.ours) <= lines(pair.theirs)


def test_at_least_twenty_messages_are_shown_and_each_is_a_sentence_or_the_documented_list():
    messages = [situation.message for situation in SITUATIONS]

    assert len(messages) >= 20
    assert [message for message in messages if message[-1] not in ".?]"] == []
