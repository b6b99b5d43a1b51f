"""Everything an operator can set, each with its unit. The environment is read here and nowhere else.

`JACKFIELD_CALL_SECONDS=90 jackfield serve` sets `call_seconds`; `serve` has options for the first few.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "JACKFIELD_"
MEBIBYTE = 1024 * 1024

Network = IPv4Network | IPv6Network


class SettingMistake(ValueError):
    """A setting has a value we do not understand; the message names the variable and says what is wrong."""


def setting(default: Any, description: str, **limits: Any) -> Any:
    """One setting: what it is when nobody says otherwise, and one sentence with its unit."""
    return Field(default=default, description=description, **limits)


class Settings(BaseSettings):
    """How this hub runs. Values given by name win over the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    data_dir: Path = setting(
        Path(".jackfield"), "The folder that holds all this hub knows; its owner alone may read it."
    )
    host: str = setting("127.0.0.1", "The address to listen on; 0.0.0.0 for every address of the machine.")
    port: int = setting(8080, "The TCP port to listen on; 0 for any free one.", ge=0, le=65535)
    database: str = setting(
        "", "The database's URL: sqlite:///… or postgresql://…; empty for core.db in the data folder."
    )

    master_key: SecretStr = setting(
        SecretStr(""), "The key that seals all secrets: 32 bytes in base64; empty for a file in the data folder."
    )
    master_key_command: str = setting(
        "", "A command that prints the master key, for keys in a secret manager; empty for a file in the data folder."
    )

    call_seconds: float = setting(60.0, "How long one call may take before it is stopped, in seconds.", gt=0)
    graphql_seconds: float = setting(
        10.0, "How long one GraphQL document may take beside the calls it makes, in seconds.", gt=0
    )
    build_seconds: float = setting(300.0, "How long one deployment may build, in seconds.", gt=0)
    drain_seconds: float = setting(30.0, "How long a stopping hub waits for what is running, in seconds.", ge=0)
    job_lease_seconds: float = setting(
        30.0, "How long a job's worker may be silent before another takes over, in seconds.", gt=0
    )

    renewal_lease_seconds: float = setting(
        30.0, "How long whoever renews a token may stay silent before another tries, in seconds.", gt=0
    )
    sign_in_doubt_seconds: float = setting(
        60.0, "How long the hub doubts a provider that says a sign-in is over, before it asks again, in seconds.", ge=0
    )

    max_body_bytes: int = setting(10 * MEBIBYTE, "The largest body of a call, in bytes.", gt=0)
    max_upload_bytes: int = setting(30 * MEBIBYTE, "The largest connector archive (zip), in bytes.", gt=0)
    max_unpacked_bytes: int = setting(100 * MEBIBYTE, "The largest connector archive once unpacked, in bytes.", gt=0)
    max_dependency_bytes: int = setting(500 * MEBIBYTE, "How much a connector's dependencies may take, in bytes.", gt=0)
    max_files: int = setting(5000, "How many files a connector archive may hold.", gt=0)
    max_result_bytes: int = setting(8 * MEBIBYTE, "The largest output of a call, in bytes.", gt=0)
    max_calls_at_once: int = setting(1000, "How many calls may run at the same time; more are answered 503.", gt=0)

    allowed_networks: Annotated[tuple[Network, ...], NoDecode] = setting(
        (), "Private networks connectors may reach, as CIDRs joined by commas, for example 10.1.0.0/16,127.0.0.1/32."
    )
    trust_all_connectors: bool = setting(
        False,
        "Start although connectors are not confined on this host: for one organization that trusts all its connectors, "
        "on a loopback address only.",
    )
    package_index: str = setting("", "The URL of the Python package index for builds; empty for uv's own default.")

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())

    @field_validator("data_dir")
    @classmethod
    def _from_here(cls, value: Path) -> Path:
        return value.absolute()  # workers have another current folder than we have

    @field_validator("trust_all_connectors")
    @classmethod
    def _on_loopback_only(cls, value: bool, others: ValidationInfo) -> bool:
        host = others.data.get("host", "")
        if value and host != "localhost" and not _is_loopback(host):
            raise ValueError(f"is for a hub that listens on loopback only, not on {host}")
        return value

    @field_validator("database")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir / 'core.db'}"


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment, with those given by name in front; a None counts as not given.

    Raises SettingMistake, which names every variable that has a wrong value.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as mistake:
        raise SettingMistake("; ".join(_say(error["loc"], error["msg"]) for error in mistake.errors())) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _say(location: tuple[int | str, ...], problem: str) -> str:
    return f"{PREFIX}{str(location[0]).upper()}: {problem.removeprefix('Value error, ')}"
