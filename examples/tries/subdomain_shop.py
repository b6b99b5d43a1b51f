"""A shop with a host of its own: `mugs.localhost`, which is a Kinto."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from examples.servers.kinto import running_kinto
from examples.servers.process import Server
from examples.try_one import Call

__all__ = ["running", "show"]

SOME_PRODUCTS = {"m1": {"title": "Mug", "price": 12.5}, "m2": {"title": "Large mug", "price": 16}}


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a Kinto that is the shop `mugs`."""
    with running_kinto(folder) as kinto:
        kinto.put("/buckets/mugs", {})
        kinto.put("/buckets/mugs/collections/products", {})
        for product_id, product in SOME_PRODUCTS.items():
            kinto.put(f"/buckets/mugs/collections/products/records/{product_id}", product)
        port = kinto.url.rpartition(":")[2]
        here = {"title": "This machine", "baseUrl": f"http://{{shop}}.localhost:{port}/v1/buckets/{{shop}}/collections"}
        yield Server(kinto.url, {"shop": "mugs"}, kinto.server.credentials, here)


def show(call: Call) -> None:
    call("list_products", order="-price")
    choices = call("product_choices")["result"]
    call("set_price", product_id=choices[0]["value"], price=15)
