"""Search maps."""

from dataclasses import dataclass
from typing import Annotated
from xml.etree.ElementTree import Element, SubElement

from jackfield import Field, Http

from map_catalogue.connector import map_catalogue
from map_catalogue.csw import CSW, OGC, question, read_map
from map_catalogue.shapes import MapPage
from map_catalogue.soap import ask


@dataclass
class MapSearch:
    words: Annotated[str | None, Field(title="Words", description="What the map's texts hold. Left out: all maps.")] = (
        None
    )
    limit: Annotated[int, Field(title="How many", minimum=1, maximum=100)] = 20
    cursor: Annotated[
        int, Field(title="Cursor", description="`next_cursor` of the page before.", minimum=1, is_advanced=True)
    ] = 1


@map_catalogue.operation(is_idempotent=True)
def search_maps(wanted: MapSearch, http: Http) -> MapPage:
    """Find maps by words, one page at a time."""
    asked = question("GetRecords", resultType="results", maxRecords=str(wanted.limit), startPosition=str(wanted.cursor))
    query = SubElement(asked, f"{CSW}Query", {"typeNames": "csw:Record"})
    SubElement(query, f"{CSW}ElementSetName").text = "summary"
    if wanted.words:
        _ask_for_words(query, wanted.words)
    results = ask(http, asked).find(f"{CSW}SearchResults")
    if results is None:
        return {"maps": [], "total": 0}
    page: MapPage = {
        "maps": [read_map(record) for record in results],
        "total": int(results.get("numberOfRecordsMatched", 0)),
    }
    next_cursor = int(results.get("nextRecord", 0))
    if next_cursor:  # the catalogue says 0 after the last page
        page["next_cursor"] = next_cursor
    return page


def _ask_for_words(query: Element, words: str) -> None:
    constraint = SubElement(query, f"{CSW}Constraint", {"version": "1.1.0"})
    rule = SubElement(SubElement(constraint, f"{OGC}Filter"), f"{OGC}PropertyIsLike")
    rule.attrib.update(wildCard="*", singleChar="?", escapeChar="\\")
    SubElement(rule, f"{OGC}PropertyName").text = "csw:AnyText"
    literal = "".join(f"\\{letter}" if letter in "*?\\" else letter for letter in words)
    SubElement(rule, f"{OGC}Literal").text = f"*{literal}*"
