"""Search maps."""

import pytest
from jackfield import ServiceError
from jackfield.testing import FakeService, Recorded, run

from map_catalogue.operations.map_choices import MapsWith, map_choices
from map_catalogue.operations.search_maps import MapSearch, search_maps

FAULT = b"""<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><Fault>
<Reason><Text>A server exception was encountered.</Text></Reason>
<Detail><Text>The value 'x' is not
 an integer.</Text></Detail></Fault></Body></Envelope>"""


def test_a_page_leads_to_the_next(recorded: Recorded) -> None:
    first = recorded.run(search_maps, MapSearch(limit=2))
    last = recorded.run(search_maps, MapSearch(limit=2, cursor=first["next_cursor"]))

    titles = [found["title"] for page in (first, last) for found in page["maps"]]
    assert sorted(titles) == ["Noise at night", "Trees of the town", "Wells and springs"]
    assert (first["total"], "next_cursor" in last) == (3, False)


def test_words_are_looked_for_in_all_texts(recorded: Recorded) -> None:
    assert [found["map_id"] for found in recorded.run(search_maps, MapSearch("drink"))["maps"]] == ["wells"]


def test_a_star_is_a_star(recorded: Recorded) -> None:
    assert recorded.run(search_maps, MapSearch("*"))["maps"] == []


def test_a_drop_down_can_be_searched(recorded: Recorded) -> None:
    assert recorded.run(map_choices, MapsWith("noise"))["result"] == [{"text": "Noise at night", "value": "noise"}]


def test_a_fault_that_arrives_with_200_is_an_error_in_the_catalogues_own_words() -> None:
    service = FakeService()
    service.post("", content=FAULT)

    with pytest.raises(ServiceError, match=r"refused: The value 'x' is not an integer\. Change the search"):
        run(search_maps, MapSearch(), service=service)
