"""Push blob, fetch blob."""

from pathlib import Path

import pytest
from jackfield import NotFound, ServiceError
from jackfield.testing import FakeService, Recorded, local_file, read_file, run

from docker_registry.operations.fetch_blob import BlobRef, fetch_blob
from docker_registry.operations.push_blob import NewBlob, push_blob

LAYER = b"a layer, as far as the registry knows"
DIGEST = "sha256:f1f1fa8a9a5f4b2b6c5c1d3b0b9c8a7f6e5d4c3b2a190807060504030201f0f1"


def test_a_layer_goes_up_and_comes_back(recorded: Recorded, tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(LAYER)

    pushed = recorded.run(push_blob, NewBlob("team/shop", local_file(tmp_path / "layer")))
    fetched = recorded.run(fetch_blob, BlobRef("team/shop", pushed["digest"]))

    assert pushed["size"] == len(LAYER)
    assert read_file(fetched["file"]) == LAYER


def test_a_layer_that_is_there_is_not_sent_again(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(LAYER)
    registry = FakeService()
    registry.on("HEAD", "/shop/blobs/{digest}", headers={"Content-Length": "37"})

    assert run(push_blob, NewBlob("shop", local_file(tmp_path / "layer")), service=registry)["size"] == 37
    assert [seen.method for seen in registry.requests] == ["HEAD"]


def test_another_content_than_was_asked_for_is_refused() -> None:
    registry = FakeService()
    registry.get("/shop/blobs/{digest}", content=b"something else")

    with pytest.raises(ServiceError, match="Do not use it"):
        run(fetch_blob, BlobRef("shop", DIGEST), service=registry)


def test_a_layer_that_is_not_there_says_where_to_look() -> None:
    registry = FakeService()
    registry.get("/shop/blobs/{digest}", status=404)

    with pytest.raises(NotFound, match="Get the manifest of an image"):
        run(fetch_blob, BlobRef("shop", DIGEST), service=registry)
