"""Where a shop is: its name becomes part of the host, and of the path."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Basic, Connector, Field


@dataclass
class Shop:
    shop: Annotated[
        str,
        Field(
            title="Shop",
            description="The first part of the shop's address: mugs for mugs.shops.example.",
            pattern="^[a-z][a-z0-9-]{1,61}[a-z0-9]$",
        ),
    ]


# What is filled into a host is one label of it and nothing else: no dot, no slash, no @ can lead elsewhere.
subdomain_shop = Connector(
    "https://{shop}.shops.example/v1/buckets/{shop}/collections", sign_in=Basic(), user_data=Shop
)
