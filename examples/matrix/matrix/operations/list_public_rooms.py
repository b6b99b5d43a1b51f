"""List public rooms."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http

from matrix.connector import matrix
from matrix.shapes import RoomPage


@dataclass
class RoomQuery:
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=100)] = 20
    cursor: Annotated[
        str | None, Field(title="Cursor", description="`next_cursor` of the page before.", is_advanced=True)
    ] = None


@matrix.operation
def list_public_rooms(wanted: RoomQuery, http: Http) -> RoomPage:
    """List the rooms that everybody may join, the largest first, one page at a time."""
    answer = http.get("/publicRooms", query={"limit": wanted.limit, "since": wanted.cursor}).json()
    page: RoomPage = {"rooms": answer["chunk"]}
    if answer.get("next_batch"):
        page["next_cursor"] = answer["next_batch"]
    return page
