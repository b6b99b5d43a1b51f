"""The frame parser takes what is right, however it is cut, and breaks on all else."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jackfield.exchange import FileUse, Request
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.file_frames import file_frame, request_of
from jackfield_hub.sandbox.outbox import Outbox


def raw(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">II", 4 + len(header) + len(body), len(header)) + header + body


SAMPLES: list[tuple[frames.Frame, bytes]] = [
    (frames.Ready(), b"{}"),
    (frames.LoadFailed(), b"Traceback"),
    (frames.Http(1, 2, "GET", "https://a.example/", (("A", "b"),), 1.5, None), b"\x00\xff"),
    (frames.HttpFile(1, 2, "PUT", "https://a.example/", (), None, True, [1, "https://hub.example/f"], "kept"), b"a"),
    (frames.Log(1), "hällo".encode()),
    (frames.Result(1, True), b'{"a":1}'),
]


@given(st.lists(st.sampled_from(SAMPLES), max_size=6), st.integers(1, 40))
def test_frames_survive_being_cut_anywhere(sent, size):
    stream = b"".join(frames.encode(frame, body) for frame, body in sent)
    parser = frames.Parser(frames.FROM_WORKER)

    arrived = [frame for at in range(0, len(stream), size) for frame in parser.feed(stream[at : at + size])]

    assert arrived == [replace(frame, body=body) for frame, body in sent]


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\xff\xff\xff",
        struct.pack(">I", frames.MAX_FRAME_BYTES + 1),
        struct.pack(">II", 3, 0),
        struct.pack(">II", 4, 4),
        struct.pack(">II", 8, 0xFFFFFFFF) + b"1234",
        raw(b""),
        raw(b"{}"),
        raw(b"[]"),
        raw(b"[1]"),
        raw(b"[[]]"),
        raw(b"nonsense"),
        raw(b'"ready"'),
        raw(b'["unknown"]'),
        raw(b'["call",1,"x","",{},"output",false]', b"{}"),
        raw(b'["ready",1]'),
        raw(b'["result"]'),
        raw(b'["result",1]', b"{}"),
        raw(b'["result",1,true,1]', b"{}"),
        raw(b'["result",0,true]', b"{}"),
        raw(b'["result",-1,true]', b"{}"),
        raw(b'["result",1.0,true]', b"{}"),
        raw(b'["result",true,true]', b"{}"),
        raw(b'["result","1",true]', b"{}"),
        raw(b'["result",99999999999999999999,true]', b"{}"),
        raw(b'["result",1,1]', b"{}"),
        raw(b'["log",null]'),
        raw(b'["http",1,1,"GET","u",[["a"]],null,null]'),
        raw(b'["http",1,1,"GET","u",[["a",1]],null,null]'),
        raw(b'["http",1,1,"GET","u",[[["a"],"b"]],null,null]'),
        raw(b'["http",1,1,"GET","u",{"a":"b"},null,null]'),
        raw(b'["http",1,1,5,"u",[],null,null]'),
        raw(b'["http",1,1,"GET","u",[],-1,null]'),
        raw(b'["http",1,1,"GET","u",[],"5",null]'),
        raw(b'["http",1,1,"GET","u",[],NaN,null]'),
        raw(b'["http",1,1,"GET","u",[],null,"yes"]'),
        raw(b'["http",1,1,"GET","\\ud800",[],null,null]'),
        raw(b'["http",1,1,"GET","u",[],1e999,null]'),
        raw(b'["log",1,"a text that is no body"]'),
        raw(b'["log",1]x'),
        raw(b'["log","\xff"]'),
        raw(b"[" * 5000),
        raw(b"[" * 500 + b"]" * 500),
        raw(b'["ready"]' + b" " * (frames.MAX_HEADER_BYTES + 1)),
    ],
    ids=lambda stream: repr(stream[:60]),
)
def test_what_no_worker_sends_breaks_the_connection(stream):
    with pytest.raises(frames.FrameBroken):
        frames.Parser(frames.FROM_WORKER).feed(stream)


@given(st.binary(max_size=200))
def test_noise_never_makes_anything_but_frames_or_a_break(noise):
    parser = frames.Parser(frames.FROM_WORKER)
    try:
        parser.feed(noise)
        parser.feed(raw(noise))
    except frames.FrameBroken:
        pass


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'{"a":NaN}', b'{"a":"\\ud800"}', b"{", b'{"a":' * 65 + b"1" + b"}" * 65]
)
def test_a_result_must_be_a_json_object_of_moderate_depth(body):
    with pytest.raises(frames.FrameBroken):
        frames.check_json_object(body)


def test_a_text_that_never_ends_is_read_once():
    endless = b"," * 500_001 + b'"' + b'\\"' * 3_500_000  # read again from each quote, this would take days

    with pytest.raises(frames.FrameBroken):
        frames.check_json_object(endless)


def test_sixty_four_levels_are_fine_however_wide():
    deep = orjson.loads(b'{"a":' * 63 + b"{}" + b"}" * 63)

    assert frames.check_json_object(orjson.dumps({**deep, "wide": [[] for _ in range(1000)]}))


def test_commas_and_brackets_in_texts_are_not_values():
    table = {"csv": '1,[2],"{3}",\\,' * 100_000}

    assert frames.check_json_object(orjson.dumps(table)) == table
    with pytest.raises(frames.FrameBroken):
        frames.check_json_object(orjson.dumps({"list": list(range(frames.MAX_JSON_VALUES + 1))}))


@pytest.mark.parametrize(
    "value", [{"list": list(range(frames.MAX_JSON_VALUES + 1))}, {"wide": [[]] * 100}, {"a": "]" * 100}]
)
def test_of_json_text_only_the_extent_has_to_be_looked_at(value: object):
    for text in (orjson.dumps(value), b'{"a":' * 65 + orjson.dumps(value) + b"}" * 65):
        assert breaks(frames.check_extent, text) == breaks(frames.check_json_object, text)


def breaks(check: Callable[[bytes], object], text: bytes) -> bool:
    try:
        check(text)
    except frames.FrameBroken:
        return True
    return False


def test_threads_that_write_at_the_same_time_never_tear_a_frame():
    ours, theirs = socket.socketpair()
    outbox = Outbox(ours)
    bodies = [bytes([number]) * (number * 997) for number in range(1, 60)]

    def write(body: bytes) -> None:
        for _ in range(20):
            outbox.send(frames.encode(frames.Log(1), body))

    threads = [threading.Thread(target=write, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    parser = frames.Parser(frames.FROM_WORKER)
    arrived: list[bytes] = []
    while len(arrived) < 20 * len(bodies):
        arrived += [frame.body for frame in frames.read(theirs, parser)]

    assert sorted(arrived) == sorted(20 * bodies)
    ours.close()
    theirs.close()


PIECES_OF_NO_BODY: list[list[int | str]] = [[1], [3, 1], [2, "https://hub.example/v1/files/1"], [0]]


@pytest.mark.parametrize("pieces", PIECES_OF_NO_BODY)
def test_pieces_that_do_not_make_up_the_body_break_the_connection(pieces: list[int | str]):
    frame = frames.HttpFile(1, 1, "PUT", "https://api.example/x", (), None, None, pieces, None, body=b"abc")

    with pytest.raises(frames.FrameBroken):
        request_of(frame)


@pytest.mark.parametrize("pieces", [[-1], [1.5], [None], [True], [2**40], {"a": 1}, "abc"])
def test_pieces_are_texts_and_numbers_of_bytes(pieces: object):
    header = orjson.dumps(["http_file", 1, 1, "PUT", "https://api.example/x", [], None, None, pieces, None])

    with pytest.raises(frames.FrameBroken):
        frames.Parser(frames.FROM_WORKER).feed(raw(header))


def test_a_request_with_files_arrives_as_it_was_sent():
    use = FileUse((b"a", "https://hub.example/v1/files/1", b"bc"), "kept.bin")
    request = Request("PUT", "https://api.example/x", (("A", "b"),), files=use)

    [frame] = frames.Parser(frames.FROM_WORKER).feed(file_frame(1, 2, request, use))

    assert isinstance(frame, frames.HttpFile)
    assert request_of(frame) == request
