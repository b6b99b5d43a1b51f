"""Sends a request of a connector to a third party, and lets it go nowhere else.

request ─ URL grammar ─ declared host ─ addresses ─ every address allowed ─ signed in ─ sent ─┬─> answer, redacted
   ^                                                                                          │
   └──────────────── redirect: all rules again, credentials left behind at another origin ────┘
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from jackfield.egress.addresses import AddressBook, Resolve, system_resolver
from jackfield.egress.alarm import Alarms
from jackfield.egress.breaker import BROKEN_STATUSES, Dealings, Hosts
from jackfield.egress.client import AiohttpWire
from jackfield.egress.grant import Grant
from jackfield.egress.headers import checked_headers, has_header
from jackfield.egress.limits import Limits
from jackfield.egress.policy import AddressPolicy, Target, parse_url
from jackfield.egress.redaction import Redactor, Redactors
from jackfield.egress.redirects import is_redirect, redirected_request, redirected_target
from jackfield.egress.retries import (
    MAX_ATTEMPTS,
    RETRIED_STATUSES,
    backoff_seconds,
    may_repeat,
    retry_after_seconds,
)
from jackfield.egress.streams import Streams
from jackfield.egress.terms import NO_TERMS, Attempt, Terms
from jackfield.egress.wire import Hop, NotConnected, Wire, WireFailure
from jackfield.errors import NoAnswer, NotAllowed, OperationError, TimedOut
from jackfield.exchange import Headers, Request, Response

_USUAL_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_METHOD = re.compile(r"(?!CONNECT$|TRACE$)[A-Z]{1,20}")
_USER_AGENT = ("User-Agent", "jackfield")


class _Errand(NamedTuple):
    """One request on its way: for whom, until when, and whether the credentials still travel with it."""

    request: Request
    grant: Grant
    deadline: float
    redactor: Redactor
    is_signed_in: bool = True
    streams: Streams | None = None


class Engine:
    """The way out. Belongs to one event loop; close it there.

    `resolve` gives the addresses of a host; `tls` says whom to trust, by default whom the operating system trusts.
    `terms` are what single owners may do beyond that; `watch` is told of every request that was sent.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        resolve: Resolve = system_resolver,
        tls: ssl.SSLContext | None = None,
        *,
        terms: Callable[[str], Terms] = lambda owner: NO_TERMS,
        watch: Callable[[Attempt], None] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._addresses = AddressBook(resolve, self._limits)
        self._wire: Wire = AiohttpWire(self._limits, tls)
        self._hosts = Hosts(self._limits)
        self._redactors = Redactors()
        self._alarms = Alarms()
        self._terms = terms
        self._watch = watch

    async def send(self, request: Request, grant: Grant, deadline: float, streams: Streams | None = None) -> Response:
        """Return the answer, whatever its status, with the grant's secrets taken out of it.

        `streams` are a body that is too long for memory, and where such a body of a 2xx answer goes to.
        `deadline` is a moment of `time.monotonic()`; the request's own `timeout_seconds` can only bring it nearer.
        Raises NotAllowed when a rule forbids the request, TimedOut at the deadline, NoAnswer when nothing usable came.
        """
        if request.timeout_seconds is not None:
            deadline = min(deadline, time.monotonic() + request.timeout_seconds)
        redactor = self._redactors.of(grant.secrets())
        errand = _Errand(request, grant, deadline, redactor, streams=streams.redacted(redactor) if streams else None)
        began, alarm = time.monotonic(), self._alarms.set(deadline)
        try:
            return redactor.response(await self._follow(errand, parse_url(request.url)))
        except OperationError as error:
            # A host name in a message may be something a third party put together from what we sent it.
            raise type(error)(redactor.text(error.message)) from None
        except asyncio.CancelledError:
            if not alarm.was_it():
                raise
            raise TimedOut(redactor.text(_too_late(request, deadline - began))) from None
        finally:
            alarm.stop()

    @property
    def resting(self) -> int:
        """How many hosts are left alone for a while, counted once for each (owner, auth)."""
        return self._hosts.count_resting()

    async def close(self) -> None:
        """Close every connection."""
        await self._addresses.close()
        await self._wire.close()

    async def _follow(self, errand: _Errand, target: Target) -> Response:
        _check(errand.request, self._limits)
        for _ in range(self._limits.max_redirects + 1):
            response = await self._repeat(errand, target)
            if not is_redirect(response):
                return response
            errand, target = _redirected(errand, target, response)
        raise NoAnswer(
            f"{target.host_and_port} redirects more than {self._limits.max_redirects} times. Call where it leads."
        )

    async def _repeat(self, errand: _Errand, target: Target) -> Response:
        """Send, and send again while that is harmless, promising, affordable and in time."""
        dealings = self._hosts.of(errand.grant.owner, errand.grant.auth, target.host_and_port)
        dealings.budget.earn()
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._send_once(errand, target, dealings, attempt)
                if response.status not in RETRIED_STATUSES:
                    return response
                asked = retry_after_seconds(response)
                pause = backoff_seconds(attempt + 1) if asked is None else asked
                if not _may_repeat(errand, attempt, pause, dealings):
                    return response
            except WireFailure as failure:
                pause = backoff_seconds(attempt + 1)
                if not (failure.can_repeat and _may_repeat(errand, attempt, pause, dealings)):
                    raise NoAnswer(f"The service at {target.host_and_port} {failure.reason}.") from None
            await asyncio.sleep(pause)

    async def _send_once(self, errand: _Errand, target: Target, dealings: Dealings, attempt: int) -> Response:
        errand.grant.check(target)
        terms = self._terms(errand.grant.owner)
        addresses = await self._allowed_addresses(terms.widen(errand.grant.addresses), target)
        hops = _hops(errand, target, addresses, terms)
        if dealings.bucket:
            await asyncio.sleep(dealings.bucket.take())
        dealings.breaker.enter()
        response: Response | None = None
        has_worked: bool | None = None  # None: nobody knows
        began = time.perf_counter()
        try:
            response = await (self._wire.exchange(hops[0]) if len(hops) == 1 else self._first_answer(hops))
            has_worked = response.status not in BROKEN_STATUSES
            return response
        except WireFailure:
            has_worked = False
            raise
        except asyncio.CancelledError:
            # At the deadline the host was too slow; before it, somebody else gave up.
            has_worked = False if time.monotonic() >= errand.deadline else None
            raise
        finally:
            dealings.breaker.leave(has_worked)
            if self._watch is not None:
                self._watch(_attempt(errand, target, attempt, response, (time.perf_counter() - began) * 1000))

    async def _first_answer(self, hops: list[Hop]) -> Response:
        for hop in hops[:-1]:
            try:
                return await self._wire.exchange(hop)
            except NotConnected:
                continue
        return await self._wire.exchange(hops[-1])

    async def _allowed_addresses(self, policy: AddressPolicy, target: Target) -> list[str]:
        """Return the addresses to try, in order. One forbidden address among them forbids the host: it is a trick."""
        if target.address is not None:
            return [policy.check(target.host)]
        known = self._addresses.known(target.host, target.port)
        addresses = known or await self._addresses.find(target.host, target.port)
        return [policy.check(address) for address in addresses][: self._limits.max_addresses]


def _too_late(request: Request, seconds: float) -> str:
    host = parse_url(request.url).host_and_port
    return f"{host} did not answer within {max(seconds, 0):.3g} seconds. Try again later, or ask it for less at a time."


def _attempt(errand: _Errand, target: Target, number: int, response: Response | None, milliseconds: float) -> Attempt:
    path = errand.redactor.text(target.path_and_query.partition("?")[0])
    return Attempt(
        owner=errand.grant.owner,
        method=errand.request.method,
        host=target.host_and_port,
        path=path,
        number=number,
        status=response.status if response else None,
        received_bytes=len(response.body) if response else 0,
        milliseconds=milliseconds,
    )


def _may_repeat(errand: _Errand, attempt: int, pause: float, dealings: Dealings) -> bool:
    is_promising = attempt < MAX_ATTEMPTS and dealings.breaker.is_closed
    is_in_time = time.monotonic() + pause < errand.deadline
    return is_promising and is_in_time and may_repeat(errand.request) and dealings.budget.spend()


def _check(request: Request, limits: Limits) -> None:
    if request.method not in _USUAL_METHODS and not _METHOD.fullmatch(request.method):
        raise NotAllowed("A connector may not use this HTTP method.")
    if len(request.body) > limits.max_request_bytes:
        raise NotAllowed(f"A request may carry {limits.max_request_bytes:,} bytes; this one has {len(request.body):,}.")


def _hops(errand: _Errand, target: Target, addresses: list[str], terms: Terms) -> list[Hop]:
    """Return the request as it goes to each of the addresses."""
    request, headers, signed_target = _signed(errand, target)
    url, tls, streams = target.url, terms.tls, errand.streams
    return [Hop(request, headers, signed_target, url, address, tls, streams) for address in addresses]


def _signed(errand: _Errand, target: Target) -> tuple[Request, Headers, Target]:
    """Return the request as it is sent, its headers, and its URL: a key may have been added to the query."""
    request = errand.grant.sign(errand.request) if errand.is_signed_in else errand.request
    signed_target = target if request.url is errand.request.url else parse_url(request.url)
    if request.body and errand.streams is not None and errand.streams.source is not None:
        raise NotAllowed("This service wants its key in the body, so the body cannot be a file.")
    headers = checked_headers(request.headers)
    if not has_header(headers, "user-agent"):
        headers = (_USER_AGENT, *headers)
    return request, headers, signed_target


def _redirected(errand: _Errand, origin: Target, response: Response) -> tuple[_Errand, Target]:
    try:
        target = redirected_target(origin, response)
        errand.grant.check(target)
    except NotAllowed as refusal:
        raise NotAllowed(f"A redirect was not followed. {refusal.message}") from None
    is_same_origin = target.origin == origin.origin
    if not is_same_origin and errand.redactor.text(target.url) != target.url:
        raise NotAllowed(f"{origin.host_and_port} redirects to {target.origin} with the credentials in the URL.")
    request = redirected_request(errand.request, response, target, is_same_origin)
    streams = errand.streams
    if streams is not None and request.method != errand.request.method:
        streams = Streams(sink=streams.sink)  # it has become a GET
    is_signed_in = errand.is_signed_in and is_same_origin
    return errand._replace(request=request, is_signed_in=is_signed_in, streams=streams), target
