"""List public rooms."""

from jackfield.testing import Recorded

from matrix.operations.create_room import RoomToCreate, create_room
from matrix.operations.list_public_rooms import RoomQuery, list_public_rooms


def test_a_page_of_rooms_leads_to_the_next(recorded: Recorded) -> None:
    for name in ("Harbour", "Market"):
        recorded.run(create_room, RoomToCreate(name=name, is_public=True))

    first = recorded.run(list_public_rooms, RoomQuery(limit=1))
    second = recorded.run(list_public_rooms, RoomQuery(limit=1, cursor=first["next_cursor"]))

    assert {page["rooms"][0]["name"] for page in (first, second)} == {"Harbour", "Market"}
