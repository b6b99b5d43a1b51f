"""Call function."""

from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from jackfield import Field, Http, RateLimited

from parse.connector import parse


@dataclass
class FunctionCall:
    name: Annotated[str, Field(title="Function", description="Its name in the app's Cloud Code.", pattern="^\\w+$")]
    arguments: Annotated[dict[str, Any], Field(title="Arguments", format="code", is_advanced=True)] = field(
        default_factory=dict[str, Any]
    )


class FunctionResult(TypedDict):
    """What the function returned."""

    result: Any


@parse.operation
def call_function(asked: FunctionCall, http: Http) -> FunctionResult:
    """Run one of the app's own functions."""
    try:
        return http.post("/functions/{name}", path={"name": asked.name}, json=asked.arguments).json()
    except RateLimited as refusal:
        seconds = refusal.retry_after_seconds or 60
        raise RateLimited(
            f"The app lets {asked.name} run only so often. Call it again in {seconds:.0f} seconds.",
            refusal.response,
            seconds,
        ) from None
