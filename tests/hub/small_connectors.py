"""Connectors of a few lines, as bundles on disk."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

from jackfield.manifest import Metadata
from jackfield_hub.sandbox.pool import Bundle

HEAD = """
import ctypes, os, signal, socket, sys, threading, time
from dataclasses import dataclass
from jackfield import Connector, Http

small = Connector("https://api.small.example")

@dataclass
class Text:
    text: str = ""

@small.operation
def echo(text: Text) -> dict:
    "Give back what came."
    return {"text": text.text}
"""


def small_bundle(folder: Path, code: str = "") -> Bundle:
    """Write a connector named `small`: an `echo` operation, and what `code` adds."""
    package = folder / "source" / "small"
    package.mkdir(parents=True)
    (folder / "deps").mkdir()
    (folder / "source" / "connector.json").write_text(json.dumps(small_metadata().to_json()))
    (package / "__init__.py").write_text("")
    source = HEAD + dedent(code)
    (package / "connector.py").write_text(source)
    return Bundle(folder, "small", sha256(source.encode()).hexdigest())


def small_metadata() -> Metadata:
    return Metadata.from_json({"name": "small", "version": "1.0", "service": {"name": "small", "version": "1"}})
