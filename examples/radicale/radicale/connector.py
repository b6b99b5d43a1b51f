"""Where the address books are, and how one signs in there."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Basic, Connector, Field


@dataclass
class Server:
    server: Annotated[
        str,
        Field(title="Server", description="Where it answers, without a path.", examples=("https://dav.example.com",)),
    ]


radicale = Connector("{server}", sign_in=Basic(), user_data=Server)
