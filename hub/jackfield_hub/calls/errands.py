"""The requests of one call: where they may go, and as whom."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from jackfield.auth import OAuth1, SignIn
from jackfield.egress.grant import Grant
from jackfield.egress.retries import may_repeat
from jackfield.exchange import JsonObject, Request, Response
from jackfield.oauth.token_requests import with_client
from jackfield.oauth.ways import TokenHolder
from jackfield.storage_rules import is_for_storage
from jackfield_hub.auths import service as auths
from jackfield_hub.auths.shapes import OpenedAuth
from jackfield_hub.catalog.shapes import ConnectorVersion
from jackfield_hub.files.carrier import Carrier
from jackfield_hub.files.given import GivenFile
from jackfield_hub.files.service import owner_of
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.storage import service as storage

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from jackfield_hub.traces.spans import Traces

UNAUTHORIZED = 401


class Errands:
    """Sends what a connector's code asks for, signed in. Raises the kit's InvalidInput when an auth does not fit.

    A token that the third party refuses is renewed, once a call; what may be sent twice is then sent again.
    """

    def __init__(
        self,
        hub: Hub,
        caller: Caller,
        connector: ConnectorVersion,
        auth: OpenedAuth | None,
        deadline: float,
        *,
        files: Mapping[str, GivenFile],
        secrets: list[str],
    ) -> None:
        self._hub = hub
        self._caller = caller
        self._connector = connector
        self._auth = auth
        self._deadline = deadline
        self._given = files
        self._secrets = secrets  #: those we sign in with are added, for whoever keeps payloads
        self._files: Carrier | None = None  #: most calls have nothing to do with files
        self._grant = self._grant_for(auth)
        self._renewing = asyncio.Lock()
        self._has_renewed = False
        self._trace = None if hub.traces is None else hub.traces.here()

    def send(self, request: Request) -> Coroutine[Any, Any, Response]:
        """Return the answer, whatever its status. Raises NoAnswer, TimedOut, NotAllowed; TooLarge, PlatformError."""
        if (self._given or self._files is not None or not request.url) and self._carrier().serves(request):
            return self._carrier().serve(request)
        if is_for_storage(request):
            return storage.serve(self._hub, self._caller, self._connector.manifest.metadata.name, request)
        if self._hub.traces is None or self._trace is None:
            return self._send(request)
        return self._send_seen(self._hub.traces, self._trace, request)

    async def _send_seen(self, traces: Traces, trace: Context, request: Request) -> Response:
        """Send it inside a span."""
        with traces.request(request, trace) as told:
            return await self._send(told)

    async def _send(self, request: Request) -> Response:
        grant = self._grant
        response = await self._exchange(request, grant)
        if response.status != UNAUTHORIZED or not isinstance(grant.sign_in, TokenHolder):
            return response
        await self._renew(grant)
        if self._grant is grant or not may_repeat(request):
            return response
        return await self._exchange(request, self._grant)

    def _exchange(self, request: Request, grant: Grant) -> Coroutine[Any, Any, Response]:
        if request.files is not None:
            return self._carrier().carry(request, request.files, grant)
        return self._hub.egress.send(request, grant, self._deadline)

    def _carrier(self) -> Carrier:
        if self._files is None:
            self._files = Carrier(self._hub, owner_of(self._caller), self._given, self._deadline)
        return self._files

    async def _renew(self, refused: Grant) -> None:
        """Have another grant than the one that was refused, if there is one to be had."""
        async with self._renewing:
            if self._auth is None or self._grant is not refused or self._has_renewed:
                return
            self._has_renewed = True
            renewed = await auths.renew_refused(self._hub, self._auth, self._connector.service, self._deadline)
            if renewed is not self._auth:
                self._auth, self._grant = renewed, self._grant_for(renewed)

    def _grant_for(self, auth: OpenedAuth | None) -> Grant:
        """What the service says may be reached, not what this version of the connector would like."""
        service = auth.service if auth else self._connector.service
        credentials = _credentials(service.sign_in, auth) if auth else {}
        grant = Grant.to_service(
            service.base_url,
            hosts=service.hosts,
            user_data=auth.user_data if auth else {},
            sign_in=service.sign_in,
            credentials=credentials,
            addresses=self._hub.addresses,
            owner=self._caller.organization_id,
            auth=auth.sealed.auth_id if auth else "",
        )
        if self._hub.payloads is not None:
            self._secrets += grant.secrets()
        return grant


def _credentials(sign_in: SignIn, auth: OpenedAuth) -> JsonObject:
    known = {**auth.environment.secret_properties, **auth.credentials}
    return with_client(sign_in, known, auth.environment.client) if isinstance(sign_in, OAuth1) else known
