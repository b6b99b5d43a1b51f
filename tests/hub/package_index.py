"""A package index in a folder: tiny wheels and source packages, made by the test, reached without a network."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PackageIndex:
    """An index as installers read it. `url` is what the setting `package_index` takes."""

    folder: Path

    @property
    def url(self) -> str:
        return (self.folder / "simple").as_uri()

    def add_wheel(
        self, name: str, version: str = "1.0", files: dict[str, str] | None = None, needs: tuple[str, ...] = ()
    ) -> Path:
        """Publish a wheel holding `<name>.py`, or the given files."""
        packed = io.BytesIO()
        info = f"{name}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        content = {f"{name}.py": f"version = {version!r}\n"} if files is None else files
        content |= {
            f"{info}/METADATA": "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs), ""]),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*content, f"{info}/RECORD"))
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
            for path, text in content.items():
                wheel.writestr(path, text)
        return self._publish(name, f"{name}-{version}-py3-none-any.whl", packed.getvalue())

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
        links = [
            f'<a href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a><br>'
            for file in sorted(page.iterdir())
            if file.name != "index.html"
        ]
        (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
        return page / file_name
