"""The maps, for a drop-down that one can search."""

from dataclasses import dataclass

from jackfield import Choice, Http

from map_catalogue.connector import map_catalogue
from map_catalogue.operations.search_maps import MapSearch, search_maps


@dataclass
class MapsWith:
    search: str | None = None


@map_catalogue.choices
def map_choices(wanted: MapsWith, http: Http) -> list[Choice]:
    """Maps by title."""
    maps = search_maps(MapSearch(wanted.search, limit=100), http)["maps"]
    return [{"text": found["title"], "value": found["map_id"]} for found in maps]
