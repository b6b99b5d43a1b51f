"""A small client for a hub's public API, on the standard library alone.

HubProblem
├── HubUnreachable   nothing answered
├── HubRefused       an answer that means no: `status`, and the hub's own words
└── NotAHub          an answer nobody can read: wrong address, or something in between
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from importlib.metadata import version
from pathlib import Path
from types import UnionType
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson

from jackfield.exchange import JsonObject

CALL_SECONDS = 120.0  # longer than the hub lets any call run
UPLOAD_SECONDS = 300.0  # an archive over a slow line
Kind = type | UnionType
LOOKS_LIKE = "the address of a hub looks like https://hub.example.com"


class HubProblem(Exception):
    """The hub did not do what it was asked; the message says why, in words for people."""


class HubUnreachable(HubProblem):
    """Nothing answered at that address."""


class HubRefused(HubProblem):
    """The hub answered, and said no. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotAHub(HubProblem):
    """Something answered, but not the way a hub does."""


class HubAddress(ValueError):
    """The text is not the address of a hub; the message says what one looks like."""


def check_address(url: str) -> str:
    """Return the address without a slash at its end. Raises HubAddress."""
    try:
        parts = urlsplit(url.strip())
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        raise HubAddress(LOOKS_LIKE) from None
    if not is_whole or parts.query or parts.fragment or not url.strip().isprintable() or " " in url.strip():
        raise HubAddress(LOOKS_LIKE)
    if "@" in parts.netloc:
        raise HubAddress("the address of a hub holds no user name or password; the token is asked for apart")
    return url.strip().rstrip("/")


class _StayHere(HTTPRedirectHandler):
    """Follows nothing: a token must not travel to another address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class HubClient:
    """One hub, and the token to speak to it with."""

    def __init__(self, url: str, token: str, timeout_seconds: float = 30.0) -> None:
        self.url = url
        self.token = token
        self.timeout_seconds = timeout_seconds
        self._opener = build_opener(_StayHere)

    def me(self) -> JsonObject:
        """Return who the token belongs to."""
        return self._holding(self._send("GET", "/v1/me"), username=str)

    def organization_id(self) -> str:
        """Return the id of the organization the token belongs to."""
        return self._holding(self.me(), organizationId=str)["organizationId"]

    def list_connectors(self) -> list[JsonObject]:
        """Return every connector version the token may see: `[{"name": "acme", "version": "1.0", …}]`."""
        return self._elements("/core/v1/connectors", name=str, version=str, title=str, description=str)

    def list_operations(self, name: str, version: str) -> list[JsonObject]:
        return self._elements(f"{_connector(name, version)}/operations", name=str, inputSchema=dict, description=str)

    def read_log(self, name: str, version: str) -> list[JsonObject]:
        """Return what a connector's latest calls left for its author, the newest first."""
        own = _connector(name, version).replace("/core/v1/", "/v1/", 1)
        return self._elements(f"{own}/log", at=str, operation=str, outcome=str, requestId=str, text=str)

    def list_calls(self, query: Mapping[str, str]) -> JsonObject:
        """Return a page of calls, the newest first: `{"elements": […], "pageInfo": {"hasNextPage": …, …}}`."""
        return self._page(
            f"/v1/calls?{urlencode(query)}",
            id=str,
            connector=str,
            version=str,
            operation=str,
            outcome=str,
            errorCode=str | None,
            userId=str | None,
            startedAt=str,
            milliseconds=int | float,
        )

    def read_call(self, call_id: str) -> JsonObject:
        """Return all that is known of a call. Its `payload` is None, or `{"input": "{…}", …, "isCut": false}`."""
        found = self._send("GET", f"/v1/calls/{quote(call_id, safe='')}")
        return self._holding(found, id=str, connector=str, operation=str, outcome=str)

    def read_usage(self, query: Sequence[tuple[str, str]]) -> JsonObject:
        """Return `{"tasks": 7}`, with `groups` if days or something to tell apart were asked for."""
        if not query:
            return self._holding(self._send("GET", "/v1/usage"), tasks=int)
        return self._holding(self._send("GET", f"/v1/usage?{urlencode(query)}"), tasks=int, groups=list)

    def call(self, name: str, version: str, body: JsonObject) -> JsonObject:
        """Run an operation and return the outcome: `{"outcome": "success", "output": {…}}`.

        `body` is `{"operation": …, "input": {…}}`, with `authId` and `returnOutputSchema` if wanted.
        """
        answer = self._send("POST", f"{_connector(name, version)}/call", body, CALL_SECONDS)
        return self._holding(answer, outcome=str)

    def send_file(self, path: Path) -> JsonObject:
        """Have the hub keep a file, and return the reference to it. Raises OSError when it cannot be read here."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        with path.open("rb") as content:
            headers = {**self._headers(None), "Content-Type": kind, "Content-Length": str(path.stat().st_size)}
            address = f"{self.url}/v1/files?name={quote(path.name, safe='')}"
            request = Request(address, data=content, headers=headers, method="POST")  # noqa: S310
            return self._holding(self._ask(request, UPLOAD_SECONDS), name=str, url=str)

    def deploy(self, name: str, version: str, archive: bytes) -> JsonObject:
        """Hand in a connector. Returns `{"id": …, "deploymentStatus": "Deploying", …}`."""
        body = {"connectorSourceCode": base64.b64encode(archive).decode()}
        path = f"{_deployments(name, version)}/deploy-connector-from-source"
        return self._state(self._send("POST", path, body, UPLOAD_SECONDS))

    def deployment(self, name: str, version: str, deployment_id: str) -> JsonObject:
        """Return how a deployment is doing. The id may be `latest`."""
        return self._state(self._send("GET", f"{_deployments(name, version)}/{quote(deployment_id, safe='')}"))

    def share_with_emails(self, name: str, version: str, emails: list[str]) -> JsonObject:
        """Let these colleagues see a connector. Returns `{"message": "2 permissions added"}`."""
        answer = self._send("POST", f"{_permissions(name, version)}/share-with-emails", {"emails": emails})
        return self._holding(answer, message=str)

    def share_with_workspaces(self, name: str, version: str, workspace_ids: list[str]) -> JsonObject:
        """Let everybody in these workspaces see a connector.

        Returns `{"success": {"message": …}, "warnings": {"emptyWorkspaces": […]}}`.
        """
        body = {"workspaceIds": workspace_ids}
        answer = self._send("POST", f"{_permissions(name, version)}/share-with-workspaces", body)
        return self._holding(answer, success=dict, warnings=dict)

    def permissions(self, name: str, version: str) -> list[str]:
        """Return the e-mails a connector is shared with."""
        return self._holding(self._send("GET", _permissions(name, version)), emails=list)["emails"]

    def stop_sharing(self, name: str, version: str, email: str) -> None:
        path = f"/v1/connectors/{quote(name, safe='')}/versions/{quote(version, safe='')}/permissions"
        self._delete(f"{path}/{quote(email, safe='')}")

    def namespace(self, organization_id: str) -> str:
        """Return how the names of the organization's connectors begin."""
        return self._holding(self._send("GET", _namespace(organization_id)), namespace=str)["namespace"]

    def create_namespace(self, organization_id: str, name: str) -> str:
        answer = self._send("POST", _namespace(organization_id), {"namespace": name})
        return self._holding(answer, namespace=str)["namespace"]

    def list_roles(self) -> list[JsonObject]:
        """Return the roles there are: `[{"id": "…", "name": "Admin"}, …]`."""
        return self._elements("/core/v1/roles", id=str, name=str)

    def role_id(self, name: str) -> str:
        """Return the id of the role of this name, which there is."""
        return next(one["id"] for one in self.list_roles() if one["name"].lower() == name.lower())

    def users(self, email: str | None = None) -> Iterator[JsonObject]:
        """Yield the people and programs there are, page after page: `{"id": "…", "name": …, "role": {…}, …}`."""
        asked: dict[str, str] = {"first": "1000"} if email is None else {"first": "1000", "email": email}
        while True:
            page = self._page(
                f"/core/v1/users?{urlencode(asked)}", id=str, name=str, email=str | None, accountType=str, role=dict
            )
            yield from page["elements"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            asked["cursor"] = page["pageInfo"]["endCursor"]

    def create_user(self, wanted: JsonObject) -> JsonObject:
        """Add a person. `wanted` is `{"name": …, "email": …, "organizationRoleId": …}`."""
        return self._holding(self._send("POST", "/core/v1/users", wanted), id=str, name=str, role=dict)

    def remove_user(self, user_id: str) -> None:
        self._delete(f"/core/v1/users/{quote(user_id, safe='')}")

    def create_program(self, wanted: JsonObject) -> JsonObject:
        """Make an API user. `wanted` is `{"name": …, "organizationRoleId": …}`."""
        return self._holding(self._send("POST", "/v1/api-users", wanted), id=str)

    def create_token(self, wanted: JsonObject) -> JsonObject:
        """Make a token. `wanted` is `{"name": …, "userId": …, "expiresInDays": …}`; the answer holds its text."""
        return self._holding(self._send("POST", "/v1/tokens", wanted), id=str, token=str, expiresAt=str | None)

    def list_tokens(self) -> list[JsonObject]:
        return self._elements("/v1/tokens", id=str, name=str, kind=str, prefix=str, expiresAt=str | None)

    def revoke_token(self, token_id: str) -> None:
        self._delete(f"/v1/tokens/{quote(token_id, safe='')}")

    def list_services(self) -> list[JsonObject]:
        """Return the organization's services: `[{"name": "acme", "version": 1, "title": …}]`."""
        return self._elements("/v1/services", name=str, version=int, title=str, authenticationType=str)

    def service(self, name: str, version: int) -> JsonObject:
        """Return a service with its environments."""
        return self._service(self._send("GET", _service(name, version)))

    def create_service(self, body: JsonObject) -> JsonObject:
        return self._service(self._send("POST", "/v1/services", body))

    def change_service(self, name: str, version: int, body: JsonObject) -> JsonObject:
        return self._service(self._send("PUT", _service(name, version), body))

    def delete_service(self, name: str, version: int) -> None:
        self._delete(_service(name, version))

    def create_environment(self, name: str, version: int, body: JsonObject) -> JsonObject:
        return self._holding(self._send("POST", f"{_service(name, version)}/environments", body), id=str)

    def change_environment(self, name: str, version: int, environment_id: str, body: JsonObject) -> JsonObject:
        """Change an environment; a client secret that `body` leaves out stays."""
        path = f"{_service(name, version)}/environments/{quote(environment_id, safe='')}"
        return self._holding(self._send("PUT", path, body), id=str)

    def _elements(self, path: str, **fields: Kind) -> list[JsonObject]:
        """Return a list whose elements hold these fields."""
        elements = self._holding(self._send("GET", path), elements=list)["elements"]
        return [self._holding(one, **fields) for one in elements]

    def _page(self, path: str, **fields: Kind) -> JsonObject:
        """Return a page of a list whose elements hold these fields, and where to go on."""
        page = self._holding(self._send("GET", path), elements=list, pageInfo=dict)
        self._holding(page["pageInfo"], hasNextPage=bool, endCursor=str | None)
        for one in page["elements"]:
            self._holding(one, **fields)
        return page

    def _state(self, answer: JsonObject) -> JsonObject:
        return self._holding(answer, id=str, deploymentStatus=str, connectorName=str, connectorVersion=str)

    def _service(self, answer: JsonObject) -> JsonObject:
        return self._holding(answer, name=str, version=int, title=str, authenticationType=str, environments=list)

    def _delete(self, path: str) -> None:
        if self._send("DELETE", path):
            raise NotAHub(f"what answers at {self.url} is not a hub: it said something where a hub says nothing")

    def _holding(self, answer: Any, **fields: Kind) -> JsonObject:
        """Return an answer that holds these fields. Raises NotAHub: others answer with JSON objects, too."""
        for name, kind in fields.items():
            if not isinstance(answer, dict) or name not in answer or not isinstance(answer[name], kind):
                raise NotAHub(f"what answers at {self.url} is not a hub: it did not send {name} as a hub does")
        return cast("JsonObject", answer)

    def _send(
        self, method: str, path: str, body: JsonObject | None = None, timeout_seconds: float | None = None
    ) -> JsonObject:
        content = None if body is None else orjson.dumps(body)
        request = Request(self.url + path, data=content, headers=self._headers(content), method=method)  # noqa: S310
        return self._ask(request, timeout_seconds)

    def _ask(self, request: Request, timeout_seconds: float | None) -> JsonObject:
        try:
            return self._answer(request, timeout_seconds or self.timeout_seconds)
        except (OSError, HTTPException) as problem:
            raise HubUnreachable(f"no hub answers at {self.url} ({_reason(problem)})") from None

    def _answer(self, request: Request, timeout_seconds: float) -> JsonObject:
        try:
            with self._opener.open(request, timeout=timeout_seconds) as answer:
                return self._read(answer)
        except HTTPError as refusal:
            with refusal:
                raise self._refused(refusal) from None

    def _headers(self, content: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": f"jackfield/{version('jackfield')}"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if content is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _read(self, answer: HTTPResponse) -> JsonObject:
        value = {} if answer.status == HTTPStatus.NO_CONTENT else _object(answer.read())
        if value is None:
            raise NotAHub(f"what answers at {self.url} is not a hub: it did not send a JSON object")
        return value

    def _refused(self, refusal: HTTPError) -> HubProblem:
        if 300 <= refusal.code < 400:
            return NotAHub(f"{self.url} sends us on to another address, and a token must not travel along")
        message = (_object(refusal.read()) or {}).get("message")
        if not isinstance(message, str):
            return NotAHub(f"{self.url} answered {refusal.code}, and not the way a hub does")
        return HubRefused(refusal.code, message)


def _connector(name: str, version: str) -> str:
    return f"/core/v1/connectors/{quote(name, safe='')}/versions/{quote(version, safe='')}"


def _service(name: str, version: int) -> str:
    return f"/v1/services/{quote(name, safe='')}/versions/{version}"


def _deployments(name: str, version: str) -> str:
    return f"/cdk/v1/deployments/connectors/{quote(name, safe='')}/versions/{quote(version, safe='')}"


def _permissions(name: str, version: str) -> str:
    return f"/cdk/v1/permissions/connectors/{quote(name, safe='')}/versions/{quote(version, safe='')}"


def _namespace(organization_id: str) -> str:
    return f"/v1/organizations/{quote(organization_id, safe='')}/namespace"


def _object(content: bytes) -> JsonObject | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return cast("JsonObject", value) if isinstance(value, dict) else None


def _reason(problem: Exception) -> str:
    cause = problem.reason if isinstance(problem, URLError) else problem
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
