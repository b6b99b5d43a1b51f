"""The page about testing OAuth: its code runs as it stands there, its words are the code's."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from jackfield.oauth import errors
from jackfield.testing_oauth import FakeOAuthProvider, Habits

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/test-oauth.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs():
    imports_and_steps, stored, renewal, transport = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)

    names: dict[str, object] = {}
    exec(compile("\n".join((imports_and_steps, transport, renewal)), "test-oauth.md", "exec"), names)

    credentials = names["credentials"]
    assert isinstance(credentials, dict)
    assert list(credentials) == re.findall(r'"(\w+)":', stored)


def test_every_habit_is_on_the_page():
    named = set(re.findall(r"^\| `(\w+) = ", PAGE, re.M))

    assert named == {habit.name for habit in fields(Habits)}


def test_every_method_and_error_of_the_page_is_there():
    for method in re.findall(r"`provider\.(\w+)[`(]", PAGE):
        assert hasattr(FakeOAuthProvider, method) or method in ("client", "token_requests"), method
    for error in re.findall(r"`([A-Z]\w+)`[,|]? ", PAGE.partition("## What can go wrong")[2]):
        assert hasattr(errors, error), error
