"""Letting a connector's own token operation get a token, for services whose ways are all their own.

It runs in a worker as any operation does, without credentials in its requests: what somebody typed in is its input.
"""

from __future__ import annotations

import math
import time
from typing import cast

import orjson

from jackfield.auth import NoSignIn
from jackfield.egress.grant import Grant
from jackfield.egress.templates import resolve_template
from jackfield.exchange import JsonObject, Request, Response
from jackfield.manifest import Isolation
from jackfield.oauth.errors import ProviderBroken, TokenRefused
from jackfield.oauth.token_answers import token_operation_answer
from jackfield.oauth.token_requests import token_operation_input
from jackfield.oauth.ways import TokenRequest
from jackfield.runner import Call
from jackfield_hub.auths.provider import PROVIDER_SECONDS
from jackfield_hub.auths.shapes import OpenedAuth
from jackfield_hub.catalog import service as catalog
from jackfield_hub.deployments.bundles import BundleChanged
from jackfield_hub.hub import Hub
from jackfield_hub.sandbox.failures import Overloaded
from jackfield_hub.sandbox.pool import Bundle, WorkerKey


async def run_token_operation(hub: Hub, auth: OpenedAuth) -> Response:
    """Return the answer the operation reports. Raises TokenRefused, ProviderBroken."""
    way = auth.sign_in
    assert isinstance(way, TokenRequest)
    organization_id = auth.sealed.organization_id
    connector = await catalog.find_for_service(hub, organization_id, auth.sealed.service_id, way.operation)
    if connector is None:
        raise TokenRefused(f"No connector of this service has the operation {way.operation} any more. Deploy one.")
    deadline = time.monotonic() + PROVIDER_SECONDS
    grant = _grant(hub, auth)

    async def send(request: Request) -> Response:
        return await hub.egress.send(request, grant, deadline)

    metadata, digest = connector.manifest.metadata, connector.bundle_digest
    key = WorkerKey(organization_id, f"{metadata.name}~{metadata.version}", digest)
    try:
        bundle = Bundle(await hub.bundles.unchanged(digest), metadata.name.replace("-", "_"), digest, Isolation.CALL)
        # In a process of its own: what somebody typed in stays in no memory in which a call runs later.
        done = await hub.workers.call(key, bundle, _call(way, auth), send, deadline)
    except (BundleChanged, OSError):
        raise ProviderBroken(
            "The stored connector is damaged and was not asked for a token. Deploy it again."
        ) from None
    except Overloaded:
        raise ProviderBroken("The hub is too busy to get an access token. Try again in a second.") from None
    output: JsonObject = orjson.loads(done.output)
    return token_operation_answer(output if done.is_success else _refused(output))


def _call(way: TokenRequest, auth: OpenedAuth) -> Call:
    typed = {**auth.environment.secret_properties, **auth.credentials}
    return Call(
        operation=way.operation,
        input=token_operation_input(way, typed, auth.user_data),
        base_url=resolve_template(auth.service.base_url, auth.user_data),
        user_data=auth.user_data,
    )


def _grant(hub: Hub, auth: OpenedAuth) -> Grant:
    return Grant.to_service(
        auth.service.base_url,
        hosts=auth.service.hosts,
        user_data=auth.user_data,
        sign_in=NoSignIn(),
        credentials={},
        addresses=hub.addresses,
        owner=auth.sealed.organization_id,
    )


def _refused(output: JsonObject) -> JsonObject:
    """Return what the service answered when it refused, and for how long; its words stay with the connector."""
    response = output.get("response")
    if not isinstance(response, dict):
        raise ProviderBroken("The connector's token operation failed. Its author finds the reason in its log.")
    answered = cast("JsonObject", response)
    body = answered.get("body")
    pause = output.get("retryAfterSeconds")
    return {
        "status_code": answered.get("statusCode"),
        "headers": {"Retry-After": math.ceil(pause)} if isinstance(pause, int | float) else {},
        "body": body if isinstance(body, dict) else {},
    }
