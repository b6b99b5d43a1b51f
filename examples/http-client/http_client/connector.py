"""Which server is meant is said by the auth. Most want a bearer token; for others see the README."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Bearer, Connector, Field


@dataclass
class Server:
    server: Annotated[
        str,
        Field(
            title="Server",
            description="Requests go to this server and to no other, and so do credentials.",
            examples=("https://api.example.com/v2",),
        ),
    ]


http_client = Connector("{server}", sign_in=Bearer(), user_data=Server)
