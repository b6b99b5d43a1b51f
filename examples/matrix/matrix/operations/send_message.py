"""Send message."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, Http, choices_from

from matrix.connector import matrix
from matrix.operations.room_choices import room_choices
from matrix.shapes import SentMessage


@dataclass
class MessageToSend:
    room_id: Annotated[str, Field(title="Room"), choices_from(room_choices)]
    text: Annotated[str, Field(title="Text", min_length=1)]
    once_key: Annotated[
        str | None,
        Field(
            title="Key",
            description="With the same key a message is sent only once, however often you try.",
            is_advanced=True,
        ),
    ] = None


@matrix.operation
def send_message(message: MessageToSend, http: Http) -> SentMessage:
    """Write a message into a room."""
    # A PUT with a key of its own may be sent again: after a lost answer, or when the server asked to wait (429).
    path = {"room": message.room_id, "key": message.once_key or uuid.uuid4().hex}
    said = {"msgtype": "m.text", "body": message.text}
    return http.put("/rooms/{room}/send/m.room.message/{key}", path=path, json=said).json()
