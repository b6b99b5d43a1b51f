"""A real browser, and a page of a customer's product that opens the sign-in dialog in it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from shutil import which
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, async_playwright

CHROMIUM = which("chromium")
WHY_NOT = "chromium is not installed: apt-get install chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Some day all browsers are like this one: a frame on another site sees no cookies but its own partition's.
    "--test-third-party-cookie-phaseout",
]

_HOST = """<!doctype html><html lang="en"><title>A product</title><h1>A product</h1>
<p id="here"></p>
<script>
const messages = [];
addEventListener("message", (event) => messages.push({ origin: event.origin, data: event.data }));
let latest = null;
const pop = (url) => { latest = open(url, "auth", "width=500,height=500"); };
const frame = (url) => {
  const element = document.createElement("iframe");
  Object.assign(element, { src: url, width: 500, height: 500 });
  document.querySelector("#here").append(element);
};
</script>"""


@dataclass
class Host:
    """The customer's page, open in a browser."""

    page: Page
    url: str

    async def pop(self, address: str) -> Page:
        """Open an address in a window as the product does."""
        async with self.page.expect_popup() as window:
            await self.page.evaluate("url => pop(url)", address)
        return await window.value

    async def close(self, window: Page) -> None:
        """Close the window; the next one has its name, so be sure that this one is gone."""
        await window.wait_for_load_state()
        await window.close()
        await self.page.wait_for_function("latest.closed")

    async def frame(self, address: str) -> FrameLocator:
        """Open an address in a frame as the product does."""
        await self.page.evaluate("url => frame(url)", address)
        return self.page.frame_locator("iframe")

    async def messages(self, count: int = 1) -> list[dict[str, Any]]:
        """Return what the product was told, once it was told so many times."""
        await self.page.wait_for_function("count => messages.length >= count", arg=count)
        return await self.page.evaluate("messages")


@asynccontextmanager
async def browser() -> AsyncGenerator[Browser]:
    """Start Debian's Chromium."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield started
        finally:
            await started.close()


@asynccontextmanager
async def host(context: BrowserContext) -> AsyncGenerator[Host]:
    """Serve the customer's page on another site than the hub's, and open it."""
    application = web.Application()
    application.router.add_get("/", _show_host)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        page = await context.new_page()
        url = f"http://localhost:{runner.addresses[0][1]}"
        await page.goto(url)
        yield Host(page, url)
    finally:
        await runner.cleanup()


async def _show_host(_request: web.Request) -> web.Response:
    return web.Response(text=_HOST, content_type="text/html")


@asynccontextmanager
async def tls(port: int, folder: Path) -> AsyncGenerator[str]:
    """Speak TLS in front of a port, with a certificate nobody has signed, as a proxy would; yield the origin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))

    open_ends: set[asyncio.StreamWriter] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        open_ends.update((writer, inner_writer))
        await asyncio.gather(_pour(reader, inner_writer), _pour(inner_reader, writer))
        open_ends.difference_update((writer, inner_writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in open_ends:
            writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    except OSError:
        pass  # the browser went away
    finally:
        writer.close()


def _certificate(folder: Path) -> Path:
    """Return a file with a key and a certificate for 127.0.0.1."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "certificate.pem"
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return file
