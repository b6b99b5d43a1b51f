"""Send file."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from jackfield import Field, File, Http, UserData, choices_from

from matrix.connector import matrix
from matrix.media import media_address
from matrix.operations.room_choices import room_choices
from matrix.shapes import SentFile


@dataclass
class FileToSend:
    room_id: Annotated[str, Field(title="Room"), choices_from(room_choices)]
    file: Annotated[File, Field(title="File")]


@matrix.operation
def send_file(message: FileToSend, http: Http, user_data: UserData) -> SentFile:
    """Put a file into a room, however large."""
    kept = http.post(
        media_address(user_data, "media/v3/upload"),
        query={"filename": message.file.name},
        file=message.file,
        content_type=message.file.mime_type,
    )
    uri: str = kept.json()["content_uri"]
    said = {
        "msgtype": "m.file",
        "body": message.file.name,
        "url": uri,
        "info": {"mimetype": message.file.mime_type},
    }
    path = {"room": message.room_id, "key": uuid.uuid4().hex}
    sent = http.put("/rooms/{room}/send/m.room.message/{key}", path=path, json=said).json()
    return {"event_id": sent["event_id"], "content_uri": uri}
