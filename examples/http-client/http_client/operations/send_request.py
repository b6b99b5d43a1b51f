"""Send request."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from jackfield import Field, File, Http

from http_client.bodies import Body, NoBody, options_of
from http_client.connector import http_client

ANY_STATUS = range(300, 600)


@dataclass
class WantedRequest:
    path: Annotated[str, Field(title="Path", description="What comes after the server.", examples=("/orders/7",))]
    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], Field(title="Method")] = (
        "GET"
    )
    query: Annotated[dict[str, Any], Field(title="Query")] = field(default_factory=dict[str, Any])
    body: Annotated[Body, Field(title="Body")] = field(default_factory=NoBody)
    headers: Annotated[dict[str, str], Field(title="Headers", is_advanced=True)] = field(default_factory=dict[str, str])
    save_as: Annotated[
        str | None,
        Field(title="Save as", description="Make the answer a file of this name, however large.", is_advanced=True),
    ] = None
    is_refusal_an_error: Annotated[
        bool, Field(title="A refusal is an error", description="Otherwise you get its status.", is_advanced=True)
    ] = True
    timeout_seconds: Annotated[
        float, Field(title="Patience in seconds", minimum=0.1, maximum=300, is_advanced=True)
    ] = 30


class Answer(TypedDict):
    """What the server answered: JSON as it is, anything else as text, or a file."""

    status: int
    headers: dict[str, str]
    body: Any
    file: NotRequired[File]


@http_client.operation
def send_request(wanted: WantedRequest, http: Http) -> Answer:
    """Send any request and get what the server answers."""
    more: dict[str, Any] = {"to_file": wanted.save_as} if wanted.save_as else {}
    answer = http.request(
        wanted.method,
        wanted.path,
        query=wanted.query,
        headers=wanted.headers,
        accept=() if wanted.is_refusal_an_error else ANY_STATUS,
        timeout_seconds=wanted.timeout_seconds,
        **options_of(wanted.body),
        **more,
    )
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if wanted.save_as and answer.status < 300:
        return {"status": answer.status, "headers": headers, "body": None, "file": answer.file}
    return {"status": answer.status, "headers": headers, "body": answer.readable_body()}
