"""What operations on rooms and messages give back."""

from typing import NotRequired, TypedDict


class Account(TypedDict):
    """Who is signed in, for example `{"user_id": "@ada:matrix.example"}`."""

    user_id: str


class Room(TypedDict):
    """A room. Its `room_id` begins with "!"; not every room has a name."""

    room_id: str
    name: NotRequired[str]
    topic: NotRequired[str]
    num_joined_members: NotRequired[int]


class RoomPage(TypedDict):
    """Some rooms, and where the next ones begin. Without `next_cursor` there are no more."""

    rooms: list[Room]
    next_cursor: NotRequired[str]


class NewRoom(TypedDict):
    """The room that was made."""

    room_id: str


class Message(TypedDict):
    """One message. `sent_at` counts milliseconds since 1970; a file's message says where the file is."""

    event_id: str
    sender: str
    text: str
    sent_at: int
    content_uri: NotRequired[str]


class MessagePage(TypedDict):
    """Some messages, the newest first, and where older ones begin. Without `next_cursor` there are none."""

    messages: list[Message]
    next_cursor: NotRequired[str]


class SentMessage(TypedDict):
    """What the server calls the message."""

    event_id: str


class SentFile(TypedDict):
    """What the server calls the message, and the file in it: `mxc://matrix.example/abc`."""

    event_id: str
    content_uri: str
