"""Puts the example that `connector init` copies into the wheel, as jackfield/template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TEMPLATE = "jackfield/template"
LEFT_BEHIND = frozenset({"__pycache__", ".venv", ".pytest_cache", ".ruff_cache", "dist"})


class TemplateHook(BuildHookInterface[Any]):
    """An editable install reads the example where it is. A wheel made from an sdist finds it in the sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        example = Path(self.root).parent / "examples" / "acme"
        if version == "editable" or not example.is_dir():
            return
        for file in sorted(example.rglob("*")):
            path = file.relative_to(example)
            is_secret = file.name.endswith(".ctx.json")
            if file.is_file() and not is_secret and not LEFT_BEHIND.intersection(path.parts):
                build_data["force_include"][str(file)] = f"{TEMPLATE}/{path.as_posix()}"
