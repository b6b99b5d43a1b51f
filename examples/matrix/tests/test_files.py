"""Send file, download file."""

from pathlib import Path

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, local_file, read_file, run

from matrix.operations.download_file import FileRef, download_file
from matrix.operations.send_file import FileToSend, send_file

HERE = {"server": "https://service.test"}


def test_a_file_goes_up_and_is_named_in_a_message(tmp_path: Path) -> None:
    (tmp_path / "chart.txt").write_text("here be dragons")
    synapse = FakeService()
    synapse.post("https://service.test/_matrix/media/v3/upload", json={"content_uri": "mxc://matrix.example/abc"})
    synapse.put("/rooms/!1/send/m.room.message/{key}", json={"event_id": "$1"})

    sent = run(send_file, FileToSend("!1", local_file(tmp_path / "chart.txt")), service=synapse, user_data=HERE)

    assert sent == {"event_id": "$1", "content_uri": "mxc://matrix.example/abc"}
    assert (synapse.requests[0].text, synapse.requests[0].query) == ("here be dragons", {"filename": ["chart.txt"]})
    assert synapse.requests[1].json()["url"] == "mxc://matrix.example/abc"


def test_a_file_comes_down_as_a_file() -> None:
    synapse = FakeService()
    synapse.get("https://service.test/_matrix/client/v1/media/download/matrix.example/abc", content=b"dragons")

    got = run(download_file, FileRef("mxc://matrix.example/abc"), service=synapse, user_data=HERE)

    assert read_file(got["file"]) == b"dragons"


@pytest.mark.parametrize("uri", ["abc", "https://evil.example/abc", "mxc://matrix.example/../admin", "mxc://x"])
def test_what_is_no_address_of_a_file_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="looks like mxc://"):
        run(download_file, FileRef(uri), service=FakeService(), user_data=HERE)
