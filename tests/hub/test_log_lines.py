"""The log is written from a thread: in order, all of it, and nobody waits for a reader that has stopped reading."""

from __future__ import annotations

import fcntl
import json
import os
import time

import pytest

from jackfield_hub import log_lines
from jackfield_hub.log_lines import Lines

PIPE_BYTES = 4096
LINE = b'{"event": "x"}\n'


@pytest.fixture
def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reader, writer


def read_until(reader: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        seen += os.read(reader, 65536)
    return seen


def test_lines_arrive_in_order_and_all_of_them_before_the_end(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    lines = Lines()
    lines.write_behind(writer)

    for number in range(100):
        lines.put(b"%d\n" % number)
    lines.catch_up()

    assert os.read(reader, 65536).split() == [b"%d" % number for number in range(100)]


def test_a_reader_that_has_stopped_blocks_nobody_and_is_told_later_what_it_missed(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "MAX_WAITING", 1000)
    reader, writer = pipe
    lines = Lines()
    lines.write_behind(writer)

    give_up_at = time.monotonic() + 30
    while not lines.lost and time.monotonic() < give_up_at:
        lines.put(LINE)
    lost = lines.lost
    seen = read_until(reader, b"log_lines_lost")
    lines.catch_up()

    told = [json.loads(line) for line in seen.splitlines() if b"log_lines_lost" in line]
    assert lost >= 1
    assert told[0] == {"event": "log_lines_lost", "lines": lost, "level": "warning"}


def test_a_reader_that_is_gone_costs_the_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    lines = Lines()
    lines.write_behind(writer)

    lines.put(LINE)
    lines.catch_up()
    lines.put(LINE)

    assert lines.lost == 1
