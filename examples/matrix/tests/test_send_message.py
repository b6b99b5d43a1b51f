"""Send message."""

import pytest
from jackfield import RateLimited
from jackfield.testing import FakeService, Recorded, run

from matrix.operations.create_room import RoomToCreate, create_room
from matrix.operations.send_message import MessageToSend, send_message

PATH = "/rooms/!1/send/m.room.message/"


def test_a_message_with_the_same_key_is_sent_once(recorded: Recorded) -> None:
    room_id = recorded.run(create_room, RoomToCreate(name="Harbour"))["room_id"]

    sent = [recorded.run(send_message, MessageToSend(room_id, "Ahoy", once_key="greeting")) for _ in range(2)]

    assert sent[0]["event_id"] == sent[1]["event_id"]


def test_too_many_messages_are_said_with_the_time_to_wait() -> None:
    synapse = FakeService()
    body = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1600}
    synapse.put(f"{PATH}k", status=429, json=body, headers={"Retry-After": "2"})

    with pytest.raises(RateLimited) as refusal:
        run(send_message, MessageToSend("!1", "Ahoy", once_key="k"), service=synapse)

    assert refusal.value.retry_after_seconds == 2
