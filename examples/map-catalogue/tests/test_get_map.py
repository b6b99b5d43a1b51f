"""Get map."""

import pytest
from jackfield import NotFound
from jackfield.testing import Recorded

from map_catalogue.operations.get_map import MapRef, get_map


def test_a_map_says_what_it_shows(recorded: Recorded) -> None:
    found = recorded.run(get_map, MapRef("trees"))

    assert found["title"] == "Trees of the town"
    assert found["kind"] == "dataset"
    assert "its kind and age" in found["summary"]


def test_a_map_that_is_not_there_is_an_error_with_advice(recorded: Recorded) -> None:
    with pytest.raises(NotFound, match=r"no map .moon.\. Search for it"):
        recorded.run(get_map, MapRef("moon"))
