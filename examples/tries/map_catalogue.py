"""Maps in a pycsw."""

from examples.servers.pycsw import running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    first = call("search_maps", limit=2)
    call("search_maps", limit=2, cursor=first["next_cursor"])
    call("search_maps", words="drink")
    choices = call("map_choices", search="noise")["result"]
    call("get_map", map_id=choices[0]["value"])
