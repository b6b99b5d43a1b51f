"""The rooms, for a drop-down."""

from jackfield.testing import FakeService, run

from matrix.operations.room_choices import room_choices


def test_rooms_are_shown_by_name_and_those_without_one_by_their_id() -> None:
    synapse = FakeService()
    synapse.get("/joined_rooms", json={"joined_rooms": ["!1", "!2:old.example", "!3"]})
    synapse.get("/rooms/!1/state/m.room.name", json={"name": "Market"})
    synapse.get("/rooms/!2:old.example/state/m.room.name", json={"name": "harbour"})
    synapse.get("/rooms/!3/state/m.room.name", status=404, json={"errcode": "M_NOT_FOUND"})

    choices = run(room_choices, service=synapse)["result"]

    assert [choice["text"] for choice in choices] == ["!3", "harbour", "Market"]
    assert choices[1]["value"] == "!2:old.example"
