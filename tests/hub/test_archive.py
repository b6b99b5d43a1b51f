"""A connector's archive is taken whole or refused whole."""

from __future__ import annotations

import io
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from jackfield_hub.deployments.archive import Limits, open_archive
from jackfield_hub.deployments.refusals import BadArchive, BadConnectorJson, TooBigUnpacked, TooManyFiles
from jackfield_hub.deployments.sources import Sources
from tests.hub.bad_archives import bad_archives
from tests.hub.zip_forge import Part, connector_json, forge, good_parts

LIMITS = Limits(max_files=5000, max_unpacked_bytes=100 * 1024**2)
BAD_ARCHIVES = bad_archives()


def test_there_are_at_least_two_hundred_bad_archives():
    assert len(BAD_ARCHIVES) >= 200


@pytest.mark.parametrize(("data", "code"), [pytest.param(data, code, id=wrong) for wrong, data, code in BAD_ARCHIVES])
def test_a_bad_archive_is_refused_with_its_own_code(data: bytes, code: str):
    began = time.monotonic()

    with pytest.raises(BadArchive) as refused:
        open_archive(data, LIMITS)

    assert (refused.value.code, refused.value.status) == (code, 400)
    assert 20 < len(refused.value.message) < 400
    assert time.monotonic() - began < 1


def test_names_made_to_be_slow_are_checked_in_a_second():
    slow = "\ufdfa" * 80  # every one of these becomes eighteen characters when names are compared
    parts = [Part(f"{'a/' * 17}{number}{slow}") for number in range(4900)]
    began = time.monotonic()

    with pytest.raises(BadArchive):
        open_archive(forge([*parts, Part("../x")]), LIMITS)

    assert time.monotonic() - began < 3


def test_an_archive_at_every_limit_is_taken_and_one_above_is_not():
    content = bytes(range(256)) * 4
    data = forge(good_parts(Part("acme/a.bin", content)))
    unpacked = len(content) + len(connector_json())

    assert open_archive(data, Limits(2, unpacked)).files.keys() == {"connector.json", "a.bin"}
    with pytest.raises(TooManyFiles):
        open_archive(data, Limits(1, unpacked))
    with pytest.raises(TooBigUnpacked):
        open_archive(data, Limits(2, unpacked - 1))


@pytest.mark.parametrize("top", ["", "acme/", "another-name/", "acme-main/"])
def test_the_connector_is_at_the_top_or_in_the_one_top_folder(top: str):
    archive = open_archive(forge(good_parts(Part(f"{top}acme/connector.py", b"x = 1"), top=top)), LIMITS)

    assert archive.metadata.name == "acme"
    assert dict(archive.contents()) == {"connector.json": connector_json(), "acme/connector.py": b"x = 1"}


def test_what_an_operating_system_adds_does_not_hide_the_folder():
    litter = [Part("__MACOSX/._acme", b"x"), Part(".DS_Store", b"x"), Part("acme/.DS_Store", b"x")]

    assert set(open_archive(forge(good_parts(*litter)), LIMITS).files) == {"connector.json"}


LEFT_OUT = """
    src/test.ctx.json TEST.CTX.JSON .env .netrc
    .npmrc src/.NPMRC .yarnrc pip.conf setup.cfg uv.toml
    .git/config .git/hooks/post-checkout node_modules/a/index.js .venv/bin/python
    acme/__pycache__/a.cpython-311.pyc acme/a.pyc evil.pth
    sitecustomize.py usercustomize.py sitecustomize/__init__.py tests/conftest.py
"""


@pytest.mark.parametrize("path", LEFT_OUT.split())
def test_what_may_hold_credentials_or_runs_by_itself_is_left_out(path: str, tmp_path: Path):
    archive = open_archive(forge(good_parts(Part(f"acme/{path}", b"canary"), Part("acme/a.py", b"x"))), LIMITS)

    sources = Sources(tmp_path / "sources")
    stored = sources.path(sources.store(archive))

    assert set(archive.files) == {"connector.json", "a.py"}
    assert zipfile.ZipFile(stored).namelist() == ["a.py", "connector.json"]
    assert b"canary" not in stored.read_bytes()


@pytest.mark.parametrize(
    "packing", [[], ["-0"], ["-9"], ["-D"], ["-X"]], ids=["as usual", "stored", "hard", "no folders", "no extras"]
)
def test_what_the_zip_command_makes_is_taken(packing: list[str], tmp_path: Path):
    folder = tmp_path / "acme" / "src" / "#token_request"
    folder.mkdir(parents=True)
    (tmp_path / "acme" / "connector.json").write_bytes(connector_json())
    (folder / "operation.json").write_text("{}")

    data = _zipped_by_python(tmp_path, packing)

    assert "src/#token_request/operation.json" in open_archive(data, LIMITS).files


def _zipped_by_python(folder: Path, packing: list[str]) -> bytes:
    """What `zip -r` gives, or Python's own packer where there is no such command."""
    try:
        return subprocess.run(["zip", "-qr", *packing, "-", "acme"], cwd=folder, check=True, capture_output=True).stdout
    except FileNotFoundError:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED if "-0" in packing else zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return packed.getvalue()


def test_an_archive_written_without_going_back_is_taken():
    class Pipe(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("acme/connector.json", connector_json())
        with archive.open("acme/a.py", "w") as content:
            content.write(b"x = 1")

    assert set(open_archive(pipe.written, LIMITS).files) == {"connector.json", "a.py"}


def test_a_comment_is_harmless():
    assert open_archive(forge(good_parts(), comment=b"3f1c9d0"), LIMITS).metadata.version == "1.0"


def test_the_same_files_are_one_source_however_they_were_packed(tmp_path: Path):
    files = [Part("acme/b.py", b"b"), Part("acme/a.py", b"a")]
    one = open_archive(forge(good_parts(*files), comment=b"one"), LIMITS)
    other = open_archive(forge(list(reversed(good_parts(*files)))), LIMITS)
    sources = Sources(tmp_path / "sources")

    assert sources.store(one) == sources.store(other)
    assert len(list(sources.folder.iterdir())) == 1


def test_a_mistake_in_connector_json_is_named():
    with pytest.raises(BadConnectorJson, match='"version" must be two numbers'):
        open_archive(forge(good_parts(metadata=connector_json(version="one"))), LIMITS)
