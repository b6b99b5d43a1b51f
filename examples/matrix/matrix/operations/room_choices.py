"""The rooms somebody is in, for a drop-down."""

from jackfield import Choice, Http

from matrix.connector import matrix

SHOWN = 100


@matrix.choices
def room_choices(http: Http) -> list[Choice]:
    """Your rooms by name."""
    room_ids = http.get("/joined_rooms").json()["joined_rooms"][:SHOWN]
    choices = [Choice(text=_name(room_id, http), value=room_id) for room_id in room_ids]
    return sorted(choices, key=lambda choice: choice["text"].casefold())


def _name(room_id: str, http: Http) -> str:
    # 404: nobody has named it, as is usual for a talk between two people.
    answer = http.get("/rooms/{room}/state/m.room.name", path={"room": room_id}, accept=(404,))
    return answer.json().get("name") or room_id
