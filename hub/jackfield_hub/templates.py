"""The templates of pages, which people see and programs do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def open_templates(folder: Path) -> Environment:
    """Return the templates in this folder: what is put into them is escaped, and must be there."""
    # 2 MB, and a twentieth of a second for whoever wants the first page: most hubs are asked for none.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    templates.trim_blocks = templates.lstrip_blocks = True
    return templates
