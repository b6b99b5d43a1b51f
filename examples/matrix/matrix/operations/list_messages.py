"""List messages."""

from dataclasses import dataclass
from typing import Annotated, Any

from jackfield import Field, Http, choices_from

from matrix.connector import matrix
from matrix.operations.room_choices import room_choices
from matrix.shapes import Message, MessagePage

ONLY_MESSAGES = '{"types":["m.room.message"]}'


@dataclass
class MessageQuery:
    room_id: Annotated[str, Field(title="Room"), choices_from(room_choices)]
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=100)] = 20
    cursor: Annotated[
        str | None, Field(title="Cursor", description="`next_cursor` of the page before.", is_advanced=True)
    ] = None


@matrix.operation
def list_messages(wanted: MessageQuery, http: Http) -> MessagePage:
    """Read messages of a room, the newest first, one page at a time."""
    query = {"dir": "b", "limit": wanted.limit, "from": wanted.cursor, "filter": ONLY_MESSAGES}
    answer = http.get("/rooms/{room}/messages", path={"room": wanted.room_id}, query=query).json()
    page: MessagePage = {"messages": [_message(event) for event in answer["chunk"]]}
    if answer.get("end"):
        page["next_cursor"] = answer["end"]
    return page


def _message(event: dict[str, Any]) -> Message:
    message: Message = {
        "event_id": event["event_id"],
        "sender": event["sender"],
        "text": event["content"].get("body", ""),  # what was taken back has nothing in it
        "sent_at": event["origin_server_ts"],
    }
    if "url" in event["content"]:
        message["content_uri"] = event["content"]["url"]
    return message
