"""What operations on a catalogue give back."""

from typing import NotRequired, TypedDict


class Map(TypedDict):
    """A map, or whatever else the catalogue lists."""

    map_id: str
    title: str
    kind: str
    summary: str


class MapPage(TypedDict):
    """Some maps, how many there are in all, and where the next ones begin. Without `next_cursor` there are no more."""

    maps: list[Map]
    total: int
    next_cursor: NotRequired[int]
