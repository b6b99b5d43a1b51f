"""Rooms and messages on a Synapse."""

from examples.servers.matrix import running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    call("get_account")
    room_id = call("create_room", name="Harbour", is_public=True)["room_id"]
    call("list_public_rooms", limit=1)
    call("room_choices")
    for text in ("Ahoy", "Anybody there?", "I am"):
        call("send_message", room_id=room_id, text=text)
    chart = call.file("chart.txt", b"here be dragons", "text/plain")
    sent = call("send_file", room_id=room_id, file=chart)
    call("download_file", content_uri=sent["content_uri"], name="chart.txt")
    first = call("list_messages", room_id=room_id, limit=2)
    call("list_messages", room_id=room_id, limit=2, cursor=first["next_cursor"])
