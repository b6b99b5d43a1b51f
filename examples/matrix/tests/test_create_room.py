"""Create room."""

from jackfield.testing import FakeService, run

from matrix.operations.create_room import RoomToCreate, create_room


def test_a_room_is_private_unless_somebody_wants_it_public() -> None:
    synapse = FakeService()
    synapse.post("/createRoom", json={"room_id": "!1"})

    run(create_room, RoomToCreate(name="Harbour"), service=synapse)
    run(create_room, RoomToCreate(name="Market", topic="Fish", is_public=True), service=synapse)

    assert [one.json() for one in synapse.requests] == [
        {"name": "Harbour", "preset": "private_chat"},
        {"name": "Market", "topic": "Fish", "preset": "public_chat", "visibility": "public"},
    ]
