"""A third party on loopback that says exactly what a test tells it to say, well-formed or not."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import re
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ThirdParty:
    """The running server. Its n-th request gets the n-th answer, later ones the last."""

    answers: tuple[bytes | Talk, ...]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list[bytes])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await read_request(reader)
                self.requests.append(request)
                answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                if callable(answer):
                    await answer(reader, writer)
                    break
                writer.write(answer)
                await writer.drain()
                if b"Connection: keep-alive" not in answer:
                    break
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


@asynccontextmanager
async def third_party(*answers: bytes | Talk, tls: ssl.SSLContext | None = None) -> AsyncGenerator[ThirdParty]:
    """Run a server on loopback that gives these answers."""
    party = ThirdParty(answers)
    server = await asyncio.start_server(party.serve, "127.0.0.1", 0, ssl=tls)
    party.port = server.sockets[0].getsockname()[1]
    try:
        yield party
    finally:
        server.close()


def answer(body: bytes = b"{}", status: int = 200, keep_alive: bool = False, **headers: str) -> bytes:
    """Return a well-formed answer; `Retry_After="1"` becomes the header Retry-After."""
    named = {"Content-Length": str(len(body)), "Connection": "keep-alive" if keep_alive else "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


def redirect(status: int, location: str) -> bytes:
    """Return an answer that sends whoever asks somewhere else."""
    return answer(b"moved", status=status, Location=location)


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write_eof()
    await reader.read()


def in_pieces(*pieces: bytes, pause: float) -> Talk:
    """Say the pieces with a pause before each, then go."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            await asyncio.sleep(pause)
            writer.write(piece)
            await writer.drain()

    return talk


def endless(start: bytes, piece: bytes) -> Talk:
    """Never stop saying the piece."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()

    return talk


@dataclass(frozen=True)
class Issuer:
    """A certificate authority of this test run, and the certificates it hands out."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def found(cls, folder: Path) -> Issuer:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test issuer")])
        basics = x509.BasicConstraints(ca=True, path_length=None)
        return cls(
            folder, key, _certificate(name, name, key, key, 30).add_extension(basics, True).sign(key, hashes.SHA256())
        )

    def trusting(self) -> ssl.SSLContext:
        """Return a client's context that trusts this issuer and nobody else."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, host: str, days: int = 30, is_self_signed: bool = False) -> ssl.SSLContext:
        """Return a server's context with a certificate for the host, valid for so many days (negative: expired)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        issuer, signer = (subject, key) if is_self_signed else (self.certificate.subject, self.key)
        names = x509.SubjectAlternativeName([_general_name(host)])
        signed = (
            _certificate(subject, issuer, key, signer, days).add_extension(names, False).sign(signer, hashes.SHA256())
        )
        return self._context(key, signed)

    def _context(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
        file = self.folder / f"{certificate.serial_number}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=90))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
