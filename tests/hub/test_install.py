"""Dependencies: wheels of a package index, by name, version and hash. Nothing of theirs runs meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from jackfield_hub.deployments.install import Installer
from jackfield_hub.deployments.requirements import Wheel, read_requirements
from jackfield_hub.deployments.stages import CannotBuild
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Pool
from tests.hub.package_index import PackageIndex, package_index
from tests.hub.test_sandbox_faults import is_gone, processes_below

PLENTY = 100 * 1024**2


@pytest.fixture
def index(tmp_path: Path) -> Generator[PackageIndex]:
    with package_index(tmp_path / "index") as index:
        yield index


@pytest.fixture
async def workers() -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0))
    await pool.start()
    yield pool
    await pool.stop()


@dataclass(frozen=True)
class Build:
    """A build that has come to its dependencies."""

    workers: Pool
    index: PackageIndex
    deps: Path

    async def install(self, *requirements: str, max_bytes: int = PLENTY, url: str = "") -> list[Wheel]:
        installer = Installer(self.workers, url or self.index.url, max_bytes)
        return await installer.install(requirements, self.deps, time.monotonic() + 30)


@pytest.fixture
def build(workers: Pool, index: PackageIndex, tmp_path: Path) -> Build:
    return Build(workers, index, tmp_path / "deps")


async def test_a_dependency_and_its_own_are_installed_with_their_hashes(build: Build, index: PackageIndex):
    inner = index.add_wheel("inner", "2.1")
    outer = index.add_wheel("outer", "1.4", needs=("inner>=2",))
    index.add_wheel("outer", "0.9")

    wheels = await build.install("outer>=1")

    assert wheels == [
        Wheel("inner", "2.1", (f"sha256:{sha256(inner.read_bytes()).hexdigest()}",)),
        Wheel("outer", "1.4", (f"sha256:{sha256(outer.read_bytes()).hexdigest()}",)),
    ]
    assert (build.deps / "outer.py").read_text() == "version = '1.4'\n"
    assert (build.deps / "inner.py").exists()


async def test_a_connector_without_dependencies_needs_no_index(build: Build):
    assert await build.install() == []
    assert list(build.deps.iterdir()) == []
    assert build.index.asked == []


async def test_older_versions_are_taken_when_the_newest_do_not_fit_together(build: Build, index: PackageIndex):
    index.add_wheel("left", "2.0", needs=("middle>=2",))
    index.add_wheel("left", "1.0", needs=("middle>=1",))
    index.add_wheel("right", "1.0", needs=("middle<2",))
    index.add_wheel("middle", "1.5")
    index.add_wheel("middle", "2.5")

    wheels = await build.install("left", "right")

    assert [(wheel.name, wheel.version) for wheel in wheels] == [("left", "1.0"), ("middle", "1.5"), ("right", "1.0")]


async def test_versions_that_can_never_fit_are_named_with_who_wants_them(build: Build, index: PackageIndex):
    index.add_wheel("left", needs=("middle>=2",))
    index.add_wheel("middle", "1.0")
    index.add_wheel("middle", "2.0")

    with pytest.raises(CannotBuild) as refused:
        await build.install("left", "middle<2")

    assert "middle>=2 (of left 1.0)" in refused.value.reason
    assert "middle<2 (of pyproject.toml)" in refused.value.reason


async def test_extras_and_markers_are_followed(build: Build, index: PackageIndex):
    index.add_wheel("outer", needs=('fast>=1; extra == "speed"', 'old; python_version < "3"', "always"))
    for name in ("fast", "old", "always"):
        index.add_wheel(name)

    wheels = await build.install("outer[speed]")

    assert [wheel.name for wheel in wheels] == ["always", "fast", "outer"]


async def test_a_wheel_must_suit_this_machine_and_this_python(build: Build, index: PackageIndex):
    index.add_wheel("native", "1.0")
    index.add_wheel("native", "2.0", tag="cp311-cp311-win_amd64")
    index.add_wheel("native", "3.0")
    page = index.folder / "simple" / "native" / "index.html"
    newest = 'href="native-3.0'
    page.write_text(page.read_text().replace(newest, f'data-requires-python="&gt;=4" {newest}'))

    assert [wheel.version for wheel in await build.install("native")] == ["1.0"]


async def test_a_version_that_was_taken_back_is_for_those_who_name_it(build: Build, index: PackageIndex):
    index.add_wheel("shy")
    index.list_files("shy", attributes='data-yanked=""')

    assert [wheel.version for wheel in await build.install("shy==1.0")] == ["1.0"]
    with pytest.raises(CannotBuild):
        await Build(build.workers, index, build.deps.with_name("again")).install("shy")


async def test_an_index_that_speaks_json_and_tells_dependencies_is_not_asked_for_whole_wheels_twice(
    build: Build, index: PackageIndex
):
    inner = index.add_wheel("inner")
    outer = index.add_wheel("outer", needs=("inner",))
    for wheel, lines in ((inner, ""), (outer, "Requires-Dist: inner\n")):
        wheel.with_name(f"{wheel.name}.metadata").write_text(f"Metadata-Version: 2.1\n{lines}")
        file = {"filename": wheel.name, "url": wheel.name, "hashes": {"sha256": digest(wheel)}, "core-metadata": True}
        index.write_json(wheel.parent.name, {"meta": {"api-version": "1.1"}, "files": [file]})

    await build.install("outer")

    assert [path.rpartition("/")[2] for path in index.asked] == [
        *("", "outer-1.0-py3-none-any.whl.metadata"),
        *("", "inner-1.0-py3-none-any.whl.metadata"),
        *("inner-1.0-py3-none-any.whl", "outer-1.0-py3-none-any.whl"),
    ]


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


async def test_a_source_package_is_refused_and_its_code_never_runs(build: Build, index: PackageIndex, tmp_path: Path):
    canary = tmp_path / "canary"
    index.add_source_package("evil", canary)

    with pytest.raises(CannotBuild) as refused:
        await build.install("evil")

    assert "evil" in refused.value.reason
    assert "wheel" in refused.value.reason
    assert not canary.exists()
    assert not [path for path in index.asked if path.endswith(".gz")]


async def test_a_source_package_deeper_down_is_refused_too(build: Build, index: PackageIndex, tmp_path: Path):
    canary = tmp_path / "canary"
    index.add_source_package("evil", canary)
    index.add_wheel("outer", needs=("evil",))

    with pytest.raises(CannotBuild, match="evil"):
        await build.install("outer")

    assert not canary.exists()


async def test_a_dependency_that_points_to_an_address_deeper_down_is_refused(build: Build, index: PackageIndex):
    elsewhere = index.add_wheel("inner")
    index.add_wheel("outer", needs=(f"inner @ {elsewhere.as_uri()}",))

    with pytest.raises(CannotBuild, match="address of its own"):
        await build.install("outer")


@pytest.fixture
async def canary_host() -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A host nobody has a reason to visit, and what it was asked."""
    seen: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(visit, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def test_a_page_that_sends_us_to_another_host_is_not_followed(
    build: Build, index: PackageIndex, canary_host: tuple[str, list[bytes]]
):
    host, seen = canary_host
    file = {"filename": "sly-1.0-py3-none-any.whl", "url": f"http://{host}/sly.whl", "hashes": {"sha256": "0" * 64}}
    for has_metadata in (True, False):
        index.write_json("sly", {"files": [{**file, "core-metadata": has_metadata}]})

        with pytest.raises(CannotBuild, match="may not reach"):
            await Build(build.workers, index, build.deps.with_name(f"deps-{has_metadata}")).install("sly")

    assert seen == []


async def test_a_wheel_elsewhere_is_not_fetched_though_its_metadata_is_here(
    build: Build, index: PackageIndex, canary_host: tuple[str, list[bytes]]
):
    host, seen = canary_host
    path = "sly-1.0-py3-none-any.whl"
    (index.folder / "simple" / "sly").mkdir()
    (index.folder / "simple" / "sly" / f"{path}.metadata").write_text("Name: sly\n")
    redirect = f"{index.url}/sly/{path}"
    index.write_json(
        "sly", {"files": [{"filename": path, "url": redirect, "hashes": {"sha256": "0" * 64}, "core-metadata": {}}]}
    )

    with pytest.raises(CannotBuild):
        await build.install("sly")

    assert seen == []
    assert host not in "".join(index.asked)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"files": 7},
        {"files": [{}]},
        {"files": [{"filename": "odd-1.0-py3-none-any.whl", "url": "file:///etc/passwd", "hashes": {}}]},
        {"files": [{"filename": "odd-1.0-py3-none-any.whl", "url": "../../../../etc/passwd", "hashes": {}}]},
        {"files": [{"filename": "odd-1.0-py3-none-any.whl", "url": "x", "hashes": {"sha256": "../x"}}]},
        {"files": [{"filename": "../odd-1.0-py3-none-any.whl", "url": "x", "hashes": {"sha256": "0" * 64}}]},
        {"files": [{"filename": "other-1.0-py3-none-any.whl", "url": "x", "hashes": {"sha256": "0" * 64}}]},
        [[[[]]]],
        "files",
    ],
    ids=str,
)
async def test_an_index_that_lists_odd_things_stops_the_build_and_nothing_else(
    build: Build, index: PackageIndex, page: object
):
    index.write_json("odd", page)

    with pytest.raises(CannotBuild) as refused:
        await build.install("odd")

    assert "/etc" not in refused.value.reason
    assert not any(build.deps.iterdir())


async def test_a_package_nobody_has_is_named_and_no_address_is_told(build: Build, tmp_path: Path):
    with pytest.raises(CannotBuild, match="no-such-package") as refused:
        await build.install("no-such-package")

    assert str(tmp_path) not in refused.value.reason
    assert "://" not in refused.value.reason


async def test_the_password_of_the_index_goes_to_the_index_and_is_told_to_nobody(build: Build):
    heads: list[bytes] = []

    async def forbid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(forbid, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    with pytest.raises(CannotBuild) as refused:
        await build.install("anything", url=f"http://reader:hunter2@{address}/simple")

    server.close()
    assert b"Authorization: Basic cmVhZGVyOmh1bnRlcjI=" in heads[0]
    assert "hunter2" not in refused.value.reason
    assert address not in refused.value.reason


async def test_a_wheel_that_changed_under_its_hash_is_refused(build: Build, index: PackageIndex):
    page = index.add_wheel("honest").parent / "index.html"
    before = page.read_text()
    at = before.index("sha256=") + len("sha256=")
    page.write_text(before[:at] + "0" * 64 + before[at + 64 :])

    with pytest.raises(CannotBuild, match="not the one"):
        await build.install("honest")

    assert not (build.deps / "honest.py").exists()


@pytest.mark.parametrize(
    "path",
    [
        "evil.pth",
        "sitecustomize.py",
        "usercustomize/__init__.py",
        "jackfield/__init__.py",
        "SiteCustomize.py",
        "sly-1.0.data/purelib/evil.pth",
    ],
)
async def test_a_wheel_that_would_run_by_itself_or_pose_as_the_kit_is_refused(
    path: str, build: Build, index: PackageIndex
):
    index.add_wheel("sly", files={"sly.py": "", path: "import os"})

    with pytest.raises(CannotBuild, match=path.removeprefix("sly-1.0.data/purelib/").partition("/")[0]):
        await build.install("sly")


@pytest.mark.parametrize("path", ["../evil.py", "/evil.py", "a/../../evil.py", "C:\\evil.py", "evil.py\u202e"])
async def test_a_wheel_that_leads_out_of_its_folder_is_refused(path: str, build: Build, index: PackageIndex):
    index.add_wheel("sly", files={path: "evil"})

    with pytest.raises(CannotBuild, match="unsafe_name"):
        await build.install("sly")

    assert not list(build.deps.parent.rglob("evil*"))


async def test_commands_of_a_wheel_are_left_out_and_its_libraries_are_not(build: Build, index: PackageIndex):
    files = {f"tool-1.0.data/{path}": "" for path in ("scripts/tool", "data/etc/tool.conf", "platlib/tool/inner.py")}
    index.add_wheel("tool", files={**files, "tool/outer.py": ""})

    await build.install("tool")

    kept = {str(path.relative_to(build.deps)) for path in build.deps.rglob("*.py")}
    assert kept == {"tool/inner.py", "tool/outer.py"}
    assert not list(build.deps.rglob("*.conf"))
    assert not list(build.deps.rglob("tool-1.0.data"))


async def test_the_kit_is_never_installed_beside_a_connector(build: Build, index: PackageIndex):
    index.add_wheel("jackfield", "99.0")
    index.add_wheel("outer", needs=("jackfield",))

    wheels = await build.install("outer")

    assert [wheel.name for wheel in wheels] == ["outer"]
    assert not (build.deps / "jackfield.py").exists()


async def test_dependencies_above_the_limit_are_refused(build: Build, index: PackageIndex):
    index.add_wheel("large", files={"large.py": "#" * 3_000_000})

    with pytest.raises(CannotBuild, match="more than 1 MiB"):
        await build.install("large", max_bytes=1024**2)


async def test_builds_of_two_organizations_share_nothing(build: Build, index: PackageIndex, tmp_path: Path):
    index.add_wheel("shared")
    await build.install("shared")
    poisoned = index.add_wheel("shared", files={"shared.py": "version = 'new'\n"})

    again = Build(build.workers, index, tmp_path / "again")
    [wheel] = await again.install("shared")

    assert wheel.hashes == (f"sha256:{digest(poisoned)}",)
    assert (again.deps / "shared.py").read_text() == "version = 'new'\n"


async def test_what_strangers_wrote_is_read_in_the_jail(build: Build, index: PackageIndex):
    index.add_wheel("outer", metadata=("Requires-Dist: " + "(" * 100_000,))

    with pytest.raises(CannotBuild):
        await build.install("outer")
    index.add_wheel("fine")
    assert await Build(build.workers, index, build.deps.with_name("again")).install("fine")


async def test_a_build_that_is_stopped_leaves_no_worker_behind(build: Build):
    async def never_answer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(3600)

    asked = asyncio.Event()
    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple"
    before = processes_below(build.workers.first_pid or 0)
    installing = asyncio.create_task(build.install("anything", url=url))
    async with asyncio.timeout(20):
        await asked.wait()

    installing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await installing

    server.close()
    assert await is_gone(lambda: processes_below(build.workers.first_pid or 0) != before)


def pyproject(*dependencies: str) -> bytes:
    return f'[project]\nname = "acme"\nversion = "1.0"\ndependencies = {list(dependencies)!r}\n'.encode()


def test_requirements_are_read_in_our_own_spelling():
    asked = pyproject(
        "HTTPX[http2,brotli] >= 0.27, <1", "Typing_Extensions", "jackfield>=0.1", "tomli; python_version<'3'"
    )

    assert read_requirements(asked) == ["httpx[brotli,http2]<1,>=0.27", "typing-extensions"]


@pytest.mark.parametrize("content", ["", "[build-system]\nrequires = ['evil']", "[project]\nname = 'acme'"])
def test_a_project_may_ask_for_nothing(content: str):
    assert read_requirements(content.encode()) == []


BAD_DEPENDENCIES = [
    "evil @ https://evil.example/evil-1.0-py3-none-any.whl",
    "evil @ git+https://evil.example/evil.git",
    "evil @ file:///etc/passwd",
    "git+https://evil.example/evil.git",
    "https://evil.example/evil.whl",
    "./evil",
    "/tmp/evil.whl",
    "../evil",
    "-r /etc/hostname",
    "--index-url https://evil.example",
    "-e .",
    "evil --hash=sha256:00",
    "evil\n--extra-index-url https://evil.example",
    "evil; os.system('x')",
    "evil===1.0",
    "evil===../../evil.whl",
    "",
    "evil==",
    "$(touch canary)",
    "jackfield-hub",
    "jackfield>=99",
    "jackfield @ https://evil.example/jackfield.whl",
]


@pytest.mark.parametrize("dependency", BAD_DEPENDENCIES)
def test_a_dependency_that_is_no_name_and_version_is_refused(dependency: str):
    with pytest.raises(CannotBuild, match=r"pyproject\.toml"):
        read_requirements(pyproject(dependency))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[project",
        b"project = 1",
        b"[project]\ndependencies = 'httpx'",
        b"[project]\ndependencies = [1]",
        b"[project]\ndependencies = {}",
        b"[project]\ndynamic = ['dependencies']",
        b"a = " + b"[" * 50_000,
        pyproject(*(f"package{number}" for number in range(101))),
    ],
    ids=lambda content: repr(content[:40]),
)
def test_a_project_file_that_cannot_be_used_is_refused(content: bytes):
    with pytest.raises(CannotBuild, match=r"pyproject\.toml"):
        read_requirements(content)


async def test_without_a_setting_the_index_is_the_one_uv_uses(
    workers: Pool, index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def page(name: str, url: str, digest: str = "") -> None:
        index.write_json(
            name, {"files": [{"filename": f"{name}-1.0-py3-none-any.whl", "url": url, "hashes": {"sha256": digest}}]}
        )

    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    with package_index(tmp_path / "files") as files, package_index(tmp_path / "elsewhere") as elsewhere:
        wheel = files.add_wheel("outer", "1.0")
        digest = sha256(wheel.read_bytes()).hexdigest()
        page("pip", f"{files.url}/pip/pip-1.0-py3-none-any.whl")
        page("outer", f"{files.url}/outer/{wheel.name}", digest)
        page("astray", f"{elsewhere.url}/outer/{wheel.name}", digest)
        installer = Installer(workers, "", PLENTY)

        installed = await installer.install(["outer"], tmp_path / "deps", time.monotonic() + 30)
        with pytest.raises(CannotBuild):
            await installer.install(["astray"], tmp_path / "more", time.monotonic() + 30)

        assert [wheel.name for wheel in installed] == ["outer"]
        assert elsewhere.asked == []
