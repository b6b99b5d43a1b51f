"""Where the registry is, and how one signs in there."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Basic, Connector, Field


@dataclass
class Registry:
    server: Annotated[
        str, Field(title="Registry", description="Its address.", examples=("https://registry.example.com",))
    ]


docker_registry = Connector("{server}/v2", sign_in=Basic(), user_data=Registry)
