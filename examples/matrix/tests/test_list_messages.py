"""List messages."""

from jackfield.testing import Recorded

from matrix.operations.create_room import RoomToCreate, create_room
from matrix.operations.list_messages import MessageQuery, list_messages
from matrix.operations.send_message import MessageToSend, send_message


def test_older_messages_are_on_the_next_page(recorded: Recorded) -> None:
    room_id = recorded.run(create_room, RoomToCreate(name="Harbour"))["room_id"]
    for text in ("one", "two", "three"):
        recorded.run(send_message, MessageToSend(room_id, text, once_key=text))

    first = recorded.run(list_messages, MessageQuery(room_id, limit=2))
    second = recorded.run(list_messages, MessageQuery(room_id, limit=2, cursor=first["next_cursor"]))

    assert [message["text"] for message in first["messages"]] == ["three", "two"]
    assert [message["text"] for message in second["messages"]] == ["one"]
