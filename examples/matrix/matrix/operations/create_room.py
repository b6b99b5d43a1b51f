"""Create room."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http

from matrix.connector import matrix
from matrix.shapes import NewRoom


@dataclass
class RoomToCreate:
    name: Annotated[str, Field(title="Name", min_length=1)]
    topic: Annotated[str | None, Field(title="Topic", description="What the room is about.")] = None
    is_public: Annotated[
        bool, Field(title="Public", description="Whether everybody finds it in the list of rooms and may join.")
    ] = False


@matrix.operation
def create_room(wanted: RoomToCreate, http: Http) -> NewRoom:
    """Make a room and join it."""
    kind = {"preset": "public_chat", "visibility": "public"} if wanted.is_public else {"preset": "private_chat"}
    room = {"name": wanted.name, "topic": wanted.topic, **kind}
    return http.post("/createRoom", json={key: value for key, value in room.items() if value}).json()
