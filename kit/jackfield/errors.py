"""What can go wrong in a call, and what happens then.

An operation error is a *result*: it is recorded and answered as `{"outcome": "error", "output": {...}}`.

    OperationError
    ├── InvalidInput            your input
    ├── ServiceError            the third party answered, and refused
    │   ├── NotSignedIn 401   ├── Forbidden 403   ├── NotFound 404
    │   ├── Conflict 409      ├── RateLimited 429 └── ServiceBroken 5xx
    ├── NoAnswer                the third party did not answer
    │   └── TimedOut
    ├── NotJson, NotXml         the third party answered something unreadable
    ├── ConnectorError          the connector's own code is wrong
    └── PlatformError           Jackfield is wrong, or protects itself
        ├── NotAllowed          an address the connector may not reach
        └── LimitReached        the call asked for more than a call may have
            ├── OutOfMemory     ├── OutOfProcessorTime    ├── OutOfThreads
            ├── OutOfScratch    ├── OutOfRequests         ├── TooLarge
            └── StorageFull
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, cast

from jackfield.exchange import JsonObject, Response


class Fault(StrEnum):
    """Who has to do something about an error."""

    INPUT = "your_input"  #: the caller: change the input and call again
    SERVICE = "third_party"  #: the service behind the connector refused, broke or stayed silent
    CONNECTOR = "connector"  #: the connector's author
    PLATFORM = "platform"  #: whoever runs this hub


class OperationError(Exception):
    """A call that did not succeed. Raise one of its subclasses from an operation.

    `message` is shown to the person who called: say what to do next. `response` is what the third party answered,
    if it did; its status and body are part of the result.
    """

    code: ClassVar[str] = "#connector_error"
    fault: ClassVar[Fault] = Fault.CONNECTOR
    retry_after_seconds: float | None = None  #: how long the third party asks to wait; None when it does not say

    def __init__(self, message: str, response: Response | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.response = response

    @property
    def kind(self) -> str:
        """The name of the class: the most precise thing a program can look at."""
        return type(self).__name__

    @property
    def said(self) -> JsonObject:
        """The JSON object the third party answered; {} when it answered something else, or nothing."""
        body = self.response.readable_body() if self.response else None
        return cast("JsonObject", body) if isinstance(body, dict) else {}

    def to_output(self) -> JsonObject:
        """Return the error as the `output` of a call.

        For example `{"message": "…", "code": "#api_error", "kind": "NotFound", "fault": "third_party",
        "response": {"statusCode": 404, "body": {…}}, "expects": {"statusCode": [200, 201, 202, 204]}}`.
        """
        output: JsonObject = {"message": self.message, "code": self.code, "kind": self.kind, "fault": self.fault.value}
        if self.response is not None:
            output["response"] = {"statusCode": self.response.status, "body": self.response.readable_body()}
            output["expects"] = {"statusCode": [200, 201, 202, 204]}
        if self.retry_after_seconds is not None:
            output["retryAfterSeconds"] = self.retry_after_seconds
        return output


class InvalidInput(OperationError):
    """The input cannot work: the caller has to change it."""

    code = "#user_input_error"
    fault = Fault.INPUT


class ServiceError(OperationError):
    """The third party answered with a status that means no."""

    code = "#api_error"
    fault = Fault.SERVICE


class NotSignedIn(ServiceError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ServiceError):
    """403: signed in, but not allowed to."""


class NotFound(ServiceError):
    """404 or 410: there is no such thing at the third party."""


class Conflict(ServiceError):
    """409 or 412: the thing has changed, or exists already."""


class RateLimited(ServiceError):
    """429: too many requests. `retry_after_seconds` is what the third party asked for, or None."""

    def __init__(
        self, message: str, response: Response | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, response)
        self.retry_after_seconds = retry_after_seconds


class ServiceBroken(ServiceError):
    """5xx: the third party has a problem of its own."""


class NoAnswer(OperationError):
    """The third party could not be reached, or broke off."""

    code = "#api_error"
    fault = Fault.SERVICE


class TimedOut(NoAnswer):
    """The third party, or the whole call, took too long."""

    code = "#timeout_error"


class NotJson(OperationError):
    """The third party promised JSON and sent something else."""

    code = "#api_error"
    fault = Fault.SERVICE


class NotXml(OperationError):
    """The third party promised XML and sent something else."""

    code = "#api_error"
    fault = Fault.SERVICE


class ConnectorError(OperationError):
    """The connector's own code failed. Details go to its author's log, not to the caller."""


class PlatformError(OperationError):
    """Jackfield could not run the call: a limit was hit, a worker died, an address is not allowed."""

    code = "#platform_error"
    fault = Fault.PLATFORM


class NotAllowed(PlatformError):
    """The connector asked for an address it may not reach."""


class LimitReached(PlatformError):
    """The call asked for more than a call may have."""

    code = "#connector_error"
    fault = Fault.CONNECTOR


class OutOfMemory(LimitReached):
    """The connector's process has as much memory as it may have."""


class OutOfProcessorTime(LimitReached):
    """The call computed for longer than it may, whatever it waited for besides."""


class OutOfThreads(LimitReached, RuntimeError):
    """The connector started more threads than it may. Also a RuntimeError, which Python itself would raise."""


class OutOfScratch(LimitReached):
    """The files a connector writes are too large or too many."""


class OutOfRequests(LimitReached):
    """The call made more requests than it may, altogether or at once."""


class TooLarge(LimitReached):
    """An input, an output or a third party's answer is larger than it may be."""


class StorageFull(LimitReached):
    """The connector keeps as many values as it may, or the organization as many bytes."""
