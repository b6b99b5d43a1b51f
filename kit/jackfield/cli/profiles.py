"""Saved logins: one profile a region, in a file only you can read.

`{"current": "eu", "profiles": {"eu": {"url": "https://eu.example.com", "token": "…"}}}`
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson
from platformdirs import user_config_path

from jackfield.cli.mistakes import CommandFailed
from jackfield.hub_client import HubAddress, HubClient, HubProblem, HubRefused, HubUnreachable, check_address

API_URL, API_TOKEN = "JACKFIELD_API_URL", "JACKFIELD_API_TOKEN"  # the names of the variables, no token in sight
DEFAULT_PROFILE = "default"
LOG_IN = "jackfield login"
CHECK_ADDRESS = f"check the address: jackfield profiles, or {API_URL}"


@dataclass(frozen=True)
class Login:
    """A hub, and the token to use there."""

    url: str
    token: str = field(repr=False)


@dataclass
class Profiles:
    """Every saved login by name; `current` is the one used when nobody says which."""

    current: str = DEFAULT_PROFILE
    logins: dict[str, Login] = field(default_factory=dict[str, Login])


def profiles_file() -> Path:
    return user_config_path("jackfield", appauthor=False) / "logins.json"


def read_profiles() -> Profiles:
    """Return what is saved; nothing saved is an empty set. Raises CommandFailed for a file nobody can read."""
    path = profiles_file()
    try:
        return _from_json(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return Profiles()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CommandFailed(f"{path} cannot be read", f"delete it, then {LOG_IN}") from None


def write_profiles(profiles: Profiles) -> None:
    """Save all logins in one step, readable by this user only. Raises CommandFailed."""
    path = profiles_file()
    content = {
        "current": profiles.current,
        "profiles": {name: asdict(login) for name, login in profiles.logins.items()},
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, orjson.dumps(content, option=orjson.OPT_INDENT_2))
    except OSError as mistake:
        raise CommandFailed(f"cannot save the login in {path}: {mistake.strerror}") from None


def _replace(path: Path, content: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".logins-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _from_json(data: Any) -> Profiles:
    logins = {str(name): Login(str(login["url"]), str(login["token"])) for name, login in data["profiles"].items()}
    return Profiles(current=str(data["current"]), logins=logins)


def chosen_login(profile: str | None) -> Login:
    """Return the hub and token to use: from the environment, else from the saved profile. Raises CommandFailed."""
    url, token = os.environ.get(API_URL, ""), clean_token(os.environ.get(API_TOKEN, ""))
    if profile and url:
        raise click.UsageError(f"--profile and {API_URL} both name a hub: leave out one of them")
    saved = None if url and token else _saved_login(profile)
    if url:
        # A saved token belongs to its hub. It does not go to another address because a variable says so.
        token = token or (saved.token if saved and saved.url == _address(url) else "")
        return Login(_address(url), _needed(token, f"{API_URL} is set, but there is no token for it", API_TOKEN))
    if saved is None:
        raise CommandFailed(_not_logged_in(profile), _log_in(profile))
    return Login(saved.url, token or saved.token)


def _saved_login(profile: str | None) -> Login | None:
    profiles = read_profiles()
    return profiles.logins.get(profile or profiles.current)


def _address(url: str) -> str:
    try:
        return check_address(url)
    except HubAddress as mistake:
        raise CommandFailed(f"{API_URL} is not a hub's address: {mistake}") from None


def _needed(token: str, problem: str, variable: str) -> str:
    if not token:
        raise CommandFailed(problem, f"set {variable}, or unset {API_URL} and {LOG_IN}")
    return token


def _not_logged_in(profile: str | None) -> str:
    return f"there is no login called {profile}" if profile else "you are not logged in to a hub"


def _log_in(profile: str | None) -> str:
    return f"{LOG_IN} --profile {profile}" if profile else f"{LOG_IN}, or set {API_URL} and {API_TOKEN}"


def clean_token(text: str) -> str:
    """Return the token without what people paste along: spaces, line ends, the word Bearer. Raises CommandFailed."""
    token = text.strip()
    token = token[7:].lstrip() if token[:7].lower() == "bearer " else token
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CommandFailed("the token holds characters no token has", "copy it again, one line, without quotes")
    return token


@contextmanager
def open_hub(profile: str | None, if_missing: str = CHECK_ADDRESS) -> Generator[HubClient]:
    """Give the client of the chosen hub; what it refuses is said with what to do next.

    `if_missing` is that for a command that names something the hub may not have: "jackfield calls list shows …".
    """
    login = chosen_login(profile)
    with explained(profile, if_missing):
        yield HubClient(login.url, login.token)


@contextmanager
def explained(profile: str | None = None, if_missing: str = CHECK_ADDRESS) -> Generator[None]:
    """Turn a hub's refusal into a CommandFailed with the next step."""
    try:
        yield
    except HubProblem as problem:
        raise CommandFailed(str(problem), _next_step(problem, profile, if_missing)) from None


def _next_step(problem: HubProblem, profile: str | None, if_missing: str) -> str:
    if isinstance(problem, HubUnreachable):
        return "see that the hub runs and the address is right; jackfield doctor looks for you"
    if not isinstance(problem, HubRefused):
        return CHECK_ADDRESS
    steps = {
        401: f"the token is wrong, expired or of another hub: {_log_in(profile)}",
        403: "use a token that may do this: an API token to deploy, a master or user token to call",
        404: if_missing,
        429: "wait a moment, then try again",
    }
    return steps.get(problem.status, "try again; if it stays, the hub's log says why" if problem.status >= 500 else "")
