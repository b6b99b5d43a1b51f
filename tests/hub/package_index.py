"""A package index on loopback: tiny wheels and source packages, made by the test, and a list of what was asked."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PEP_691 = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class PackageIndex:
    """An index as installers read it. `url` is what the setting `package_index` takes."""

    folder: Path
    url: str
    asked: list[str] = field(default_factory=list[str])  #: the paths of all requests so far

    def add_wheel(
        self,
        name: str,
        version: str = "1.0",
        files: dict[str, str] | None = None,
        needs: tuple[str, ...] = (),
        *,
        tag: str = "py3-none-any",
        metadata: tuple[str, ...] = (),
    ) -> Path:
        """Publish a wheel holding `<name>.py`, or the given files. `metadata` are further lines of its METADATA."""
        packed = io.BytesIO()
        info = f"{name}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata]
        content = {f"{name}.py": f"version = {version!r}\n"} if files is None else files
        content |= {
            f"{info}/METADATA": "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs), ""]),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*content, f"{info}/RECORD"))
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
            for path, text in content.items():
                wheel.writestr(path, text)
        return self._publish(name, f"{name}-{version}-{tag}.whl", packed.getvalue())

    def add_source_package(self, name: str, canary: Path, version: str = "1.0") -> Path:
        """Publish a source package that writes `canary` as soon as anybody builds it."""
        packed = io.BytesIO()
        setup = (
            f"import pathlib\npathlib.Path({str(canary)!r}).write_text('ran')\nfrom setuptools import setup\nsetup()\n"
        )
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, text in {"setup.py": setup, "PKG-INFO": metadata}.items():
                entry = tarfile.TarInfo(f"{name}-{version}/{path}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        return self._publish(name, f"{name}-{version}.tar.gz", packed.getvalue())

    def _publish(self, name: str, file_name: str, content: bytes) -> Path:
        page = self.folder / "simple" / name.replace("_", "-").lower()
        page.mkdir(parents=True, exist_ok=True)
        (page / file_name).write_bytes(content)
        self.list_files(name)
        return page / file_name

    def list_files(self, name: str, attributes: str = "", more: str = "") -> None:
        """Write a package's page again, with these attributes of every link, and with something more on it."""
        page = self.folder / "simple" / name.replace("_", "-").lower()
        links = [
            f'<a {attributes} href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a>'
            for file in sorted(page.iterdir())
            if file.suffix in (".whl", ".gz")
        ]
        (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{'<br>'.join(links)}{more}</body></html>")

    def write_json(self, name: str, page: object) -> None:
        """Answer with a page in JSON instead (PEP 691)."""
        folder = self.folder / "simple" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").unlink(missing_ok=True)
        (folder / "index.json").write_text(json.dumps(page))


@contextmanager
def package_index(folder: Path) -> Generator[PackageIndex]:
    """Serve an index from this folder until the block ends."""
    (folder / "simple").mkdir(parents=True)
    asked: list[str] = []

    class Pages(SimpleHTTPRequestHandler):
        def guess_type(self, path: object) -> str:
            return PEP_691 if str(path).endswith(".json") else super().guess_type(str(path))

        def do_GET(self) -> None:
            asked.append(self.path)
            if (folder / self.path.strip("/") / "index.json").exists():
                self.path += "index.json"
            super().do_GET()

        def log_request(self, code: object = 0, size: object = 0) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield PackageIndex(folder, f"http://127.0.0.1:{server.server_port}/simple", asked)
        finally:
            server.shutdown()
            thread.join()
