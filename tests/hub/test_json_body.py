"""What JSON strangers may send, and how much work it may be to refuse the rest."""

from __future__ import annotations

import pytest

from jackfield_hub.errors import InvalidInput
from jackfield_hub.json_body import MAX_VALUES, read_object


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1", b'""'])
def test_more_values_than_anybody_needs_are_refused_before_they_are_read(value: bytes) -> None:
    with pytest.raises(InvalidInput, match="more than 500000 values"):
        read_object(b'{"a":[' + (value + b",") * MAX_VALUES + value + b"]}")


def test_a_long_text_is_one_value_whatever_is_in_it() -> None:
    text = '[{,\\"' * MAX_VALUES

    assert read_object(b'{"a":"' + text.encode() + b'"}') == {"a": text.replace("\\", "")}


def test_a_text_without_an_end_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput):
        read_object(b"," * MAX_VALUES + b'["' + b'\\"' * 1_000_000)
