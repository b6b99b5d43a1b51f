"""A shop: a third party on a real socket, and connectors to it that are put in place without a deployment."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from jackfield.manifest import Manifest, Metadata
from jackfield_hub.catalog import service as catalog
from jackfield_hub.catalog.shapes import Publication
from jackfield_hub.hub import Hub
from jackfield_hub.sandbox.pool import Bundle

KEY = "k-4711-very-secret"

CONNECTOR = """
from dataclasses import dataclass
from typing import Annotated

from jackfield import ApiKey, Bearer, Connector, Field
from jackfield.auth import NoSignIn


@dataclass
class Site:
    shop: Annotated[str, Field(title="Your shop", description="What comes before .shop.example.")]


shop = Connector({base_url!r}, sign_in={sign_in}, user_data={user_data})
"""

OPERATIONS = '''
"""All operations of the shop."""

import os
import time
from dataclasses import dataclass
from typing import Annotated, TypedDict

from jackfield import Choice, Field, Http, choices_from

from {package}.connector import shop


class Product(TypedDict):
    id: int
    name: str


@dataclass
class Nothing:
    pass


@dataclass
class ProductRef:
    product_id: int


@shop.operation
def get_product(ref: ProductRef, http: Http) -> Product:
    """Read one product."""
    return http.get(f"/products/{{ref.product_id}}").json()


@shop.choices
def list_products_ddl(http: Http) -> list[Choice]:
    """List products to choose from."""
    return [Choice(text=one["name"], value=one["id"]) for one in http.get("/products").json()["products"]]


@dataclass
class Order:
    product_id: Annotated[int, choices_from(list_products_ddl)]
    note: str = ""


@shop.operation
def order_product(order: Order, http: Http) -> dict:
    """Order a product."""
    return http.post("/orders", json={{"product": order.product_id, "note": order.note}}).json()


@shop.operation
def read_table(ref: ProductRef, http: Http) -> dict:
    """Read a table whose columns nobody knows before."""
    return {{"rows": ref.product_id}}


@shop.output_schema_of(read_table)
def read_table_output_schema(ref: ProductRef) -> dict:
    return {{"type": "object", "properties": {{f"column_{{ref.product_id}}": {{"type": "string"}}}}}}


@dataclass
class Pause:
    seconds: float


@shop.operation
def wait(pause: Pause) -> dict:
    """Do nothing for a while."""
    time.sleep(pause.seconds)
    return {{}}


@shop.operation
def crash() -> dict:
    """End the process."""
    os._exit(3)


@shop.operation
def stumble() -> dict:
    """Have a mistake in it."""
    return {{}}["payload-of-the-mistake"]


@shop.private(name="#token_request")
def token_request() -> dict:
    """Nobody's business."""
    return {{}}
'''


@dataclass
class ThirdParty:
    """The shop's own API: what it was asked, and where it is."""

    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.headers.append(dict(request.headers))
        if request.path == "/products":
            return web.json_response({"products": [{"id": 1, "name": "Hammer"}, {"id": 2, "name": "Saw"}]})
        if request.path == "/orders":
            return web.json_response({"ordered": await request.json(), "key": request.headers.get("X-Key")})
        number = int(request.path.rpartition("/")[2])
        if number >= 400:
            return web.json_response({"problem": f"number {number}"}, status=number)
        return web.json_response({"id": number, "name": "Hammer", "signed": request.headers.get("X-Key") == KEY})


@asynccontextmanager
async def third_party() -> AsyncGenerator[ThirdParty]:
    """Serve the shop's API on a free port of loopback."""
    shop = ThirdParty()
    async with answering(shop.answer) as shop.url:
        yield shop


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncGenerator[str]:
    """Let `answer` answer every request to a free port of loopback; give its URL."""
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def put_in_place(
    hub: Hub,
    organization_id: str,
    base_url: str,
    *,
    name: str = "shop",
    version: str = "1.0",
    sign_in: str = "NoSignIn()",
    user_data: str = "None",
    title: str = "Shop",
    code: str = OPERATIONS,
    raw_http: bool = False,
) -> Manifest:
    """Build a connector to the shop and publish it, as the last step of a deployment does."""
    metadata = Metadata.from_json(
        {
            "name": name,
            "version": version,
            "title": title,
            "description": "Products of the shop.",
            "service": {"name": name, "version": "1"},
            "rawHttp": {"enabled": raw_http},
        }
    )
    package = name.replace("-", "_")
    folder = hub.bundles.folder / f"draft-{uuid.uuid4()}"
    operations = folder / "source" / package / "operations"
    operations.mkdir(parents=True)
    (folder / "deps").mkdir()
    (folder / "source" / "connector.json").write_bytes(orjson.dumps(metadata.to_json()))
    (operations.parent / "__init__.py").write_text('"""A shop."""\n')
    connector = CONNECTOR.format(base_url=base_url, sign_in=sign_in, user_data=user_data)
    (operations.parent / "connector.py").write_text(connector)
    (operations / "__init__.py").write_text('"""One file for all, to be short."""\n')
    (operations / "everything.py").write_text(code.format(package=package))
    (folder / "bundle.json").write_text(str(folder.name))  # no two are the same, as no two deployments are
    described = await hub.workers.describe(Bundle(folder, package, folder.name), metadata, time.monotonic() + 30)
    manifest = Manifest.from_json(described)
    digest = await asyncio.to_thread(hub.bundles.store, folder)
    async with hub.database.transaction() as tx:
        await catalog.publish(hub, tx, Publication(organization_id, str(uuid.uuid4()), None, digest, manifest))
    return manifest
