"""Get map."""

from dataclasses import dataclass
from typing import Annotated
from xml.etree.ElementTree import SubElement

from jackfield import Field, Http, NotFound, choices_from

from map_catalogue.connector import map_catalogue
from map_catalogue.csw import CSW, question, read_map
from map_catalogue.operations.map_choices import map_choices
from map_catalogue.shapes import Map
from map_catalogue.soap import ask


@dataclass
class MapRef:
    map_id: Annotated[str, Field(title="Map"), choices_from(map_choices, search="words")]
    words: Annotated[
        str | None, Field(title="Search", description="Shortens the list of maps above.", is_advanced=True)
    ] = None


@map_catalogue.operation(is_idempotent=True)
def get_map(ref: MapRef, http: Http) -> Map:
    """Read what the catalogue says about one map."""
    asked = question("GetRecordById")
    SubElement(asked, f"{CSW}Id").text = ref.map_id
    SubElement(asked, f"{CSW}ElementSetName").text = "full"
    record = ask(http, asked).find("*")
    if record is None:  # the catalogue answers 200 with nothing inside
        raise NotFound(f"The catalogue has no map {ref.map_id!r}. Search for it: it may have another id now.")
    return read_map(record)
