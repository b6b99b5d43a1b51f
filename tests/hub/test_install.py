"""Dependencies: wheels of a package index, by name, version and hash. Nothing of theirs runs meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from jackfield_hub.deployments.install import Installer
from jackfield_hub.deployments.requirements import Wheel, read_requirements
from jackfield_hub.deployments.stages import CannotBuild
from tests.hub.package_index import PackageIndex

PLENTY = 100 * 1024**2


@pytest.fixture
def index(tmp_path: Path) -> PackageIndex:
    (tmp_path / "index" / "simple").mkdir(parents=True)
    return PackageIndex(tmp_path / "index")


async def install(index: PackageIndex, tmp_path: Path, *requirements: str, max_bytes: int = PLENTY) -> list[Wheel]:
    """Install into tmp_path/build/deps."""
    build = tmp_path / "build"
    build.mkdir()
    return await Installer(index.url, max_bytes).install(requirements, build / "uv", build / "deps")


async def test_a_dependency_and_its_own_are_installed_with_their_hashes(index: PackageIndex, tmp_path: Path):
    inner = index.add_wheel("inner", "2.1")
    outer = index.add_wheel("outer", "1.4", needs=("inner>=2",))
    index.add_wheel("outer", "0.9")

    wheels = await install(index, tmp_path, "outer>=1")

    assert wheels == [
        Wheel("inner", "2.1", (f"sha256:{sha256(inner.read_bytes()).hexdigest()}",)),
        Wheel("outer", "1.4", (f"sha256:{sha256(outer.read_bytes()).hexdigest()}",)),
    ]
    assert (tmp_path / "build" / "deps" / "outer.py").read_text() == "version = '1.4'\n"
    assert (tmp_path / "build" / "deps" / "inner.py").exists()


async def test_a_connector_without_dependencies_needs_no_index(tmp_path: Path):
    nowhere = PackageIndex(tmp_path / "nowhere")

    assert await install(nowhere, tmp_path) == []
    assert list((tmp_path / "build").iterdir()) == [tmp_path / "build" / "deps"]


async def test_a_source_package_is_refused_and_its_code_never_runs(index: PackageIndex, tmp_path: Path):
    canary = tmp_path / "canary"
    index.add_source_package("evil", canary)

    with pytest.raises(CannotBuild) as refused:
        await install(index, tmp_path, "evil")

    assert "evil" in refused.value.reason
    assert "wheel" in refused.value.reason
    assert not canary.exists()


async def test_a_source_package_deeper_down_is_refused_too(index: PackageIndex, tmp_path: Path):
    canary = tmp_path / "canary"
    index.add_source_package("evil", canary)
    index.add_wheel("outer", needs=("evil",))

    with pytest.raises(CannotBuild, match="evil"):
        await install(index, tmp_path, "outer")

    assert not canary.exists()


async def test_a_dependency_that_points_to_an_address_deeper_down_is_refused(index: PackageIndex, tmp_path: Path):
    elsewhere = index.add_wheel("inner")
    index.add_wheel("outer", needs=(f"inner @ {elsewhere.as_uri()}",))

    with pytest.raises(CannotBuild):
        await install(index, tmp_path, "outer")


async def test_a_package_nobody_has_is_named_and_no_address_is_told(index: PackageIndex, tmp_path: Path):
    with pytest.raises(CannotBuild, match="no-such-package") as refused:
        await install(index, tmp_path, "no-such-package")

    assert str(tmp_path) not in refused.value.reason
    assert "://" not in refused.value.reason


async def test_the_password_of_the_index_is_told_to_nobody(tmp_path: Path):
    async def forbid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(forbid, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    (tmp_path / "build").mkdir()
    installer = Installer(f"http://reader:hunter2@{address}/simple", PLENTY)

    with pytest.raises(CannotBuild) as refused:
        await installer.install(["anything"], tmp_path / "build" / "uv", tmp_path / "build" / "deps")

    server.close()
    assert "hunter2" not in refused.value.reason
    assert address not in refused.value.reason


async def test_a_wheel_that_changed_under_its_hash_is_refused(index: PackageIndex, tmp_path: Path):
    page = index.add_wheel("honest").parent / "index.html"
    page.write_text(page.read_text().replace("sha256=", "sha256=0")[:-1])
    wrong = page.read_text()
    at = wrong.index("sha256=") + len("sha256=")
    page.write_text(wrong[:at] + "0" * 64 + wrong[at + 65 :])

    with pytest.raises(CannotBuild):
        await install(index, tmp_path, "honest")

    assert not (tmp_path / "build" / "deps" / "honest.py").exists()


@pytest.mark.parametrize(
    "path", ["evil.pth", "sitecustomize.py", "usercustomize/__init__.py", "jackfield/__init__.py", "SiteCustomize.py"]
)
async def test_a_wheel_that_would_run_by_itself_or_pose_as_the_kit_is_refused(
    path: str, index: PackageIndex, tmp_path: Path
):
    index.add_wheel("sly", files={"sly.py": "", path: "import os"})

    with pytest.raises(CannotBuild, match=path.partition("/")[0]):
        await install(index, tmp_path, "sly")


async def test_the_kit_is_never_installed_beside_a_connector(index: PackageIndex, tmp_path: Path):
    index.add_wheel("jackfield", "99.0")
    index.add_wheel("outer", needs=("jackfield",))

    wheels = await install(index, tmp_path, "outer")

    assert [wheel.name for wheel in wheels] == ["outer"]
    assert not (tmp_path / "build" / "deps" / "jackfield.py").exists()


async def test_dependencies_above_the_limit_are_refused(index: PackageIndex, tmp_path: Path):
    index.add_wheel("large", files={"large.py": "#" * 3_000_000})

    with pytest.raises(CannotBuild, match="more than 1 MiB"):
        await install(index, tmp_path, "large", max_bytes=1024**2)


async def test_the_environment_of_the_hub_does_not_reach_the_installer(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = PackageIndex(tmp_path / "other")
    other.add_wheel("package", "6.6.6")
    index.add_wheel("package", "1.0")
    for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "hub-cache"))

    wheels = await install(index, tmp_path, "package")

    assert [wheel.version for wheel in wheels] == ["1.0"]
    assert not (tmp_path / "hub-cache").exists()


async def test_a_build_that_is_stopped_leaves_no_installer_behind(tmp_path: Path):
    async def never_answer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(3600)

    asked = asyncio.Event()
    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    build = tmp_path / "build"
    build.mkdir()
    installer = Installer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple", PLENTY)
    installing = asyncio.create_task(installer.install(["anything"], build / "uv", build / "deps"))
    await asked.wait()

    installing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await installing

    server.close()
    assert not _processes_in(build)


def _processes_in(folder: Path) -> list[Path]:
    """Return what runs in this folder, as the kernel lists it (nothing where it has no such list)."""
    found: list[Path] = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # ended in this moment, or not ours to look at
            if link.readlink().is_relative_to(folder):
                found.append(link)
    return found


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
