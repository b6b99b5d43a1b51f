"""Signature version 4, with which Amazon's services and everything that speaks S3 want each request signed.

The address is written anew on the way, as the service itself will write it before it computes the same signature.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from jackfield.credentials import AuthenticationType, Credentials, credential_schema, with_header
from jackfield.egress.policy import parse_url
from jackfield.exchange import JsonObject, Request

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"  # what is said of a body that is streamed: TLS protects it


@dataclass(frozen=True)
class AwsSignature:
    """Requests signed with a key that is never sent. `service` is "s3", or what Amazon calls another of its services.

    Credentials: `{"region": "eu-central-1", "accessKeyId": "…", "secretAccessKey": "…"}`.
    """

    service: str = "s3"
    kind: ClassVar[str] = "aws_signature"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        return credential_schema(
            "secretAccessKey", region="Region", accessKeyId="Access key id", secretAccessKey="Secret access key"
        )

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return signed(request, credentials, self.service, datetime.now(UTC))

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["secretAccessKey"]]


def signed(request: Request, credentials: Credentials, service: str, now: datetime) -> Request:
    """Return the request as it would be sent at this moment."""
    stamp, digest = now.strftime("%Y%m%dT%H%M%SZ"), _UNSIGNED
    if request.files is None or not request.files.parts:
        digest = hashlib.sha256(request.body).hexdigest()
    canonical = with_header(replace(request, url=_canonical(request.url)), "x-amz-date", stamp)
    canonical = with_header(canonical, "x-amz-content-sha256", digest)
    scope = f"{stamp[:8]}/{credentials['region']}/{service}/aws4_request"
    names, text = _summary(canonical, digest, is_path_plain=service == "s3")
    wanted = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(text.encode()).hexdigest()))
    signature = hmac.digest(_key(credentials["secretAccessKey"], scope), wanted.encode(), "sha256").hex()
    proof = f"Credential={credentials['accessKeyId']}/{scope}, SignedHeaders={names}, Signature={signature}"
    return with_header(canonical, "Authorization", f"{_ALGORITHM} {proof}")


def _canonical(url: str) -> str:
    """Return the same address with everything percent-encoded that may be, and the query in order."""
    parts = urlsplit(url)
    path = "/".join(quote(unquote(segment), safe="") for segment in parts.path.split("/")) or "/"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs))
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _summary(request: Request, digest: str, *, is_path_plain: bool) -> tuple[str, str]:
    """Return which headers are signed, `host;x-amz-date`, and the text of the request that is."""
    parts = urlsplit(request.url)
    own = {name.lower(): " ".join(value.split()) for name, value in request.headers}
    chosen = {name: value for name, value in own.items() if name == "content-type" or name.startswith("x-amz-")}
    headers = sorted({"host": parse_url(request.url).host_and_port, **chosen}.items())
    names = ";".join(name for name, _ in headers)
    path = parts.path if is_path_plain else quote(parts.path, safe="/")
    lines = [request.method, path, parts.query, *(f"{name}:{value}" for name, value in headers), "", names, digest]
    return names, "\n".join(lines)


def _key(secret: str, scope: str) -> bytes:
    """Return the key of this day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
