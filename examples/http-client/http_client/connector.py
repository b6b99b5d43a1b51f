"""Which server is meant is said by the auth, and so is how one signs in there: see the README."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Connector, Field


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


http_client = Connector("{server}", user_data=Server)
