"""Everything an operator can set, each with its unit. The environment is read here and nowhere else.

`JACKFIELD_CALL_SECONDS=90 jackfield serve` sets `call_seconds`; `serve` has options for the first few.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jackfield.egress.policy import HostRule
from jackfield.errors import NotAllowed
from jackfield.exchange import JsonObject
from jackfield.storage_rules import MAX_VALUE_BYTES

PREFIX = "JACKFIELD_"
MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
_NOT_SETTINGS = {"API_URL", "API_TOKEN", "TEST_DATABASE"}  # the command's (jackfield.cli.profiles), and our tests' own
_NEAR = 0.7  # how much of a name has to be right for us to guess which one is meant

_ORIGIN = re.compile(r"(https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)/?")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]*)?")

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
    processes: int = setting(1, "How many processes serve requests, for machines with several cores.", ge=1, le=64)
    silence_seconds: float = setting(
        10.0, "How long one of several processes may be stuck before it is killed and replaced, in seconds.", ge=1
    )
    database: str = setting(
        "", "The database's URL: sqlite:///…, or postgresql://…; empty for core.db in the data folder."
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
    kept_deployments: int = setting(
        10, "How many deployments of a connector version keep their source and bundle; older ones are removed.", gt=0
    )
    drain_seconds: float = setting(30.0, "How long a stopping hub waits for what is running, in seconds.", ge=0)
    notice_seconds: float = setting(
        0.0,
        "How long a stopping hub goes on serving while /readyz says that it stops, for load balancers to look away, "
        "in seconds.",
        ge=0,
    )
    job_lease_seconds: float = setting(
        30.0, "How long a job's worker may be silent before another takes over, in seconds.", gt=0
    )

    renewal_lease_seconds: float = setting(
        30.0, "How long whoever renews a token may stay silent before another tries, in seconds.", gt=0
    )
    renewal_courier: bool = setting(
        True, "Whether tokens that work once are renewed by a process that outlives the hub when it is killed."
    )
    sign_in_doubt_seconds: float = setting(
        60.0, "How long the hub doubts a provider that says a sign-in is over, before it asks again, in seconds.", ge=0
    )

    max_body_bytes: int = setting(10 * MEBIBYTE, "The largest body of a call, in bytes.", gt=0)
    max_bytes_at_once: int = setting(
        160 * MEBIBYTE, "How many bytes of large bodies one process takes at once; more are answered 503.", gt=0
    )
    max_upload_bytes: int = setting(30 * MEBIBYTE, "The largest connector archive (zip), in bytes.", gt=0)
    max_unpacked_bytes: int = setting(100 * MEBIBYTE, "The largest connector archive once unpacked, in bytes.", gt=0)
    max_dependency_bytes: int = setting(500 * MEBIBYTE, "How much a connector's dependencies may take, in bytes.", gt=0)
    max_files: int = setting(5000, "How many files a connector archive may hold.", gt=0)
    max_result_bytes: int = setting(8 * MEBIBYTE, "The largest output of a call, in bytes.", gt=0)
    max_calls_at_once: int = setting(
        1000, "How many calls of one organization may run at the same time in one process; more have to wait.", gt=0
    )
    queue_seconds: float = setting(
        5.0, "How long a call waits for its turn when too many run; then it is answered 503. In seconds.", ge=0
    )

    max_file_bytes: int = setting(500 * MEBIBYTE, "The largest file that is kept by reference, in bytes.", gt=0)
    max_organization_file_bytes: int = setting(
        10 * GIBIBYTE, "How much all files of an organization may take together, in bytes.", gt=0
    )
    file_seconds: int = setting(6 * 3600, "How long a file is kept, and its link works, in seconds.", gt=0)
    file_store: str = setting(
        "", "Where files are kept: s3://bucket or s3://bucket/prefix; empty for a folder in the data folder."
    )
    file_store_endpoint: str = setting(
        "", "The URL of a store that speaks S3, for example https://minio.example.com; empty for Amazon's."
    )
    file_store_region: str = setting("", "The region of that store; empty for what AWS_REGION says.")
    file_store_key_id: str = setting("", "The access key's id; empty for what AWS's own tools would use.")
    file_store_key: SecretStr = setting(SecretStr(""), "The secret that goes with it.")
    file_store_sends: bool = setting(
        False,
        "Whether whoever opens a link to a file is sent on to the store for its bytes. The store must be reachable "
        "for them.",
    )

    max_stored_value_bytes: int = setting(
        MAX_VALUE_BYTES, "The largest value a connector keeps in storage, as JSON, in bytes.", gt=0
    )
    max_stored_values: int = setting(
        10_000, "How many values a connector keeps for itself, for each user and for each workspace.", gt=0
    )
    max_organization_storage_bytes: int = setting(
        GIBIBYTE, "How much all connectors of an organization keep in storage together, in bytes.", gt=0
    )

    openid_issuer: str = setting(
        "", "The OpenID provider members may sign in at, for example https://accounts.example.com; empty for none."
    )
    openid_client_id: str = setting("", "What this hub is called at that provider.")
    openid_client_secret: str = setting("", "The secret that goes with it.", repr=False)

    requests_per_second: float = setting(
        30.0, "How many requests a token may send a second, calls aside; 0 for no limit.", ge=0
    )
    request_burst: int = setting(50, "How many requests a token may send at once.", gt=0)
    organization_requests_per_second: float = setting(
        300.0, "How many requests all tokens of an organization may send a second, calls aside; 0 for no limit.", ge=0
    )
    organization_request_burst: int = setting(
        500, "How many requests all tokens of an organization may send at once.", gt=0
    )

    calls_kept_days: int = setting(
        90, "How long single calls can be looked up, in days; the sums of each day stay. 0: for ever.", ge=0
    )
    payloads_kept_hours: float = setting(
        0.0, "How long what goes into calls and comes out is kept for looking at, in hours; 0: not at all.", ge=0
    )
    max_payload_bytes: int = setting(64 * 1024, "How much of each is kept, in bytes; the rest is cut.", gt=0)
    authors_log_kept_hours: float = setting(
        168.0,
        "How long what connectors print, and how they fail, is kept for their authors, in hours; 0: until a restart.",
        ge=0,
    )
    metrics_token: SecretStr = setting(
        SecretStr(""), "The token that opens /metrics, 20 characters or more; empty: nobody reads it.", repr=False
    )
    traces_url: str = setting(
        "", "Where spans are sent: a collector's OTLP address, such as http://127.0.0.1:4318/v1/traces; empty: nowhere."
    )
    traces_headers: Annotated[dict[str, SecretStr], NoDecode] = setting(
        {}, 'Headers for that collector, as JSON: {"Authorization": "Bearer …"}.', repr=False
    )
    traces_share: float = setting(1.0, "Which share of the calls is traced, from 0 to 1.", ge=0, le=1)
    traces_to_third_parties: bool = setting(
        False, "Whether third parties are told which trace a request belongs to (traceparent)."
    )
    metrics_connectors: int = setting(
        0, "How many connectors /metrics tells apart by their names; the others are counted together.", ge=0, le=1000
    )

    allowed_networks: Annotated[tuple[Network, ...], NoDecode] = setting(
        (), "Private networks connectors may reach, as CIDRs joined by commas, for example 10.1.0.0/16,127.0.0.1/32."
    )
    allow_metadata: bool = setting(
        False, "Let connectors reach a cloud's metadata addresses, too, where they lie in allowed networks."
    )
    organization_networks: Annotated[dict[str, tuple[Network, ...]], NoDecode] = setting(
        {}, 'Private networks of single organizations, as JSON: {"<organization id>": ["10.7.0.0/16"]}.'
    )
    organization_authorities: Annotated[dict[str, Path], NoDecode] = setting(
        {},
        'Files (PEM) of authorities that single organizations trust besides, as JSON: {"<organization id>": "file"}.',
    )
    max_answer_bytes: int = setting(64 * MEBIBYTE, "The largest answer of a third party, unpacked, in bytes.", gt=0)
    third_party_requests_per_second: float | None = setting(
        None, "How many requests a second one auth may send to one host, on average; empty for any number.", gt=0
    )
    trust_all_connectors: bool = setting(
        False,
        "Start although connectors are not confined on this host: for one organization that trusts all its connectors, "
        "on a loopback address only.",
    )
    public_url: str = setting(
        "",
        "Where browsers find this hub, for example https://hub.example.com; empty for the address they say they use. "
        "Behind a proxy that speaks TLS it must be set.",
    )
    dialog_origins: Annotated[tuple[str, ...], NoDecode] = setting(
        (),
        "Sites that may show the sign-in dialog in a frame and are told how it ends, joined by commas, for example "
        "https://app.example.com; empty for any.",
    )
    package_index: str = setting(
        "",
        "The URL of the Python package index for builds, empty for the one uv uses; a password in it stays in the hub.",
    )
    package_hosts: Annotated[tuple[str, ...], NoDecode] = setting(
        (), "Other hosts where that index keeps its files, joined by commas; not needed for uv's own."
    )

    # Not left to pydantic, whose mistake about JSON names the first variable only, and not in our words.
    @field_validator("traces_headers", "organization_networks", "organization_authorities", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        try:
            return orjson.loads(value) if isinstance(value, str) else value
        except orjson.JSONDecodeError:
            raise ValueError("must be a JSON object; the reference of settings shows one") from None

    @field_validator("traces_url")
    @classmethod
    def _a_collector(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an address such as http://127.0.0.1:4318/v1/traces")
        if value and not (find_spec("opentelemetry") and find_spec("opentelemetry.sdk")):
            raise ValueError("needs a library that is not installed: pip install 'jackfield-hub[traces]'")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 20:
            raise ValueError("must have 20 characters or more, or be empty")
        return value

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())

    @field_validator("public_url")
    @classmethod
    def _one_origin(cls, value: str) -> str:
        return _origin(value) if value else value

    @field_validator("openid_issuer")
    @classmethod
    def _a_provider(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be an address such as https://accounts.example.com")
        # What it says about people is believed because of the TLS connection it comes over.
        if parts.scheme == "http" and parts.hostname != "localhost" and not _is_loopback(parts.hostname or ""):
            raise ValueError("must be https:// unless the provider is on this machine")
        return value

    @field_validator("dialog_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(_origin(part.strip()) for part in parts if part.strip())

    @field_validator("package_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("package_hosts")
    @classmethod
    def _known_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            try:
                HostRule.parse(host)
            except NotAllowed as refusal:
                raise ValueError(refusal.message) from None
        return value

    @field_validator("file_store")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError("must look like s3://bucket or s3://bucket/prefix, or be empty")
        return value

    @field_validator("file_store_endpoint")
    @classmethod
    def _store_origin(cls, value: str) -> str:
        return _origin(value) if value else value

    @field_validator("package_index")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be an address such as https://packages.example.com/simple")
        return value

    @field_validator("data_dir")
    @classmethod
    def _from_here(cls, value: Path) -> Path:
        return value.absolute()  # workers have another current folder than we have

    @field_validator("organization_authorities")
    @classmethod
    def _good_authorities(cls, value: dict[str, Path]) -> dict[str, Path]:
        for file in value.values():
            try:
                ssl.create_default_context(cafile=file)
            except OSError as mistake:
                raise ValueError(f"{file} holds no certificates ({mistake.strerror or 'unreadable'})") from None
        return value

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

    def told(self) -> JsonObject:
        """Return all of it as JSON, secrets in clear text, for another process of this hub."""
        secrets = {name: value.get_secret_value() for name, value in self if isinstance(value, SecretStr)}
        headers = {name: value.get_secret_value() for name, value in self.traces_headers.items()}
        told = self.model_dump(mode="json", exclude={*secrets, "traces_headers"})
        return {**told, **secrets, "traces_headers": headers}

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


def unread_variables() -> list[str]:
    """Return a sentence about each variable that looks like one of ours and is read by nobody.

    `["JACKFIELD_CALLSECONDS is not a setting and was not read; is JACKFIELD_CALL_SECONDS meant?"]`
    """
    known = {name.upper() for name in Settings.model_fields} | _NOT_SETTINGS
    ours = [name for name in sorted(os.environ) if name.upper().startswith(PREFIX)]
    return [_say_unread(name, known) for name in ours if name.upper().removeprefix(PREFIX) not in known]


def _say_unread(variable: str, known: Iterable[str]) -> str:
    near = get_close_matches(variable.upper().removeprefix(PREFIX), known, n=1, cutoff=_NEAR)
    question = f"; is {PREFIX}{near[0]} meant?" if near else ""
    return f"{variable} is not a setting and was not read{question}"


def _origin(text: str) -> str:
    """Return scheme, host and port of an address that says nothing else. It becomes part of headers."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} must be an origin such as https://hub.example.com, without a path")
    return match[1].lower()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _say(location: tuple[int | str, ...], problem: str) -> str:
    return f"{PREFIX}{str(location[0]).upper()}: {problem.removeprefix('Value error, ')}"
