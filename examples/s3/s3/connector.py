"""Where the store is, and how requests to it are signed."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import AwsSignature, Connector, Field


@dataclass
class Store:
    server: Annotated[
        str,
        Field(title="Store", description="Its address.", examples=("https://s3.eu-central-1.amazonaws.com",)),
    ]


s3 = Connector("{server}", sign_in=AwsSignature("s3"), user_data=Store)
