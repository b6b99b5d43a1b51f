"""The .venv of a connector: the kit and what the connector's pyproject.toml asks for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distribution
from pathlib import Path

import click
import orjson
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jackfield.cli.mistakes import CommandFailed

ENVIRONMENT = ".venv"
STDERR = 2  # the descriptor: what pip says is talk, not data


def use_own_environment(ctx: click.Context, folder: Path) -> None:
    """Go on in the project's .venv when the kit is in it: the dependencies are there, and maybe not here."""
    python = environment_python(folder)
    has_kit = any(python.with_name(name).exists() for name in ("jackfield", "jackfield.exe"))
    if not has_kit or Path(sys.prefix).resolve() == (folder / ENVIRONMENT).resolve():
        return
    done = subprocess.run([python, "-m", "jackfield.cli", *sys.argv[1:]], check=False)  # noqa: S603
    ctx.exit(done.returncode)


def environment_python(folder: Path) -> Path:
    return folder / ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def dependencies(folder: Path) -> list[str]:
    """Return what pyproject.toml asks for besides the kit. Raises CommandFailed when it is not readable."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
        wanted = [Requirement(line) for line in project.get("dependencies", [])]
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, InvalidRequirement, UnicodeDecodeError, AttributeError, TypeError) as mistake:
        raise CommandFailed(f"pyproject.toml cannot be read: {mistake}") from None
    return [str(one) for one in wanted if canonicalize_name(one.name) != "jackfield"]


def install(folder: Path) -> None:
    """Make .venv with the kit and the connector's dependencies. Raises CommandFailed; a half-made one is removed."""
    wanted = dependencies(folder)
    environment = folder / ENVIRONMENT
    is_done = False
    try:
        venv.create(environment, with_pip=True)
        pip = [environment_python(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *_kit(), *wanted], stdout=STDERR, check=False)  # noqa: S603
        is_done = done.returncode == 0
    except (subprocess.CalledProcessError, OSError):
        raise CommandFailed(
            "Python cannot make a virtual environment here", "on Debian: apt install python3-venv"
        ) from None
    finally:
        if not is_done:
            shutil.rmtree(environment, ignore_errors=True)
    if not is_done:
        raise CommandFailed("the dependencies could not be installed; pip says why above")


def _kit() -> list[str]:
    """Return how pip finds the kit that runs now: the same folder or file it came from, else its version."""
    kit = distribution("jackfield")
    origin = kit.read_text("direct_url.json")
    if origin is None:
        return [f"jackfield=={kit.version}"]
    source = orjson.loads(origin)
    return ["--editable", source["url"]] if source.get("dir_info", {}).get("editable") else [source["url"]]
