"""Get all pages."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict, cast

from jackfield import Field, Http, HttpAnswer, InvalidInput

from http_client.connector import http_client


@dataclass
class ByLink:
    link: Annotated[
        Literal["header"], Field(title="By link", labels={"header": "A Link header names the next page"})
    ] = "header"


@dataclass
class ByCursor:
    cursor: Annotated[str, Field(title="Cursor", description="Where the answer says it.", examples=("meta.next",))]
    parameter: Annotated[str, Field(title="Parameter", description="What the query calls it.")] = "cursor"


@dataclass
class ByNumber:
    page: Annotated[str, Field(title="Parameter", description="What the query calls the page's number.")]
    first: Annotated[int, Field(title="First page", minimum=0)] = 1


@dataclass
class WantedPages:
    path: Annotated[str, Field(title="Path", examples=("/orders",))]
    items: Annotated[
        str,
        Field(title="Items", description="Where the answer has its list; empty: it is one.", examples=("data.items",)),
    ] = ""
    paging: Annotated[ByLink | ByCursor | ByNumber, Field(title="Pages")] = field(default_factory=ByLink)
    query: Annotated[dict[str, Any], Field(title="Query")] = field(default_factory=dict[str, Any])
    limit: Annotated[int, Field(title="How many at most", minimum=1, maximum=10_000, is_advanced=True)] = 1000


class Items(TypedDict):
    """The items of all pages, in order."""

    items: list[Any]
    pages: int


@http_client.operation
def get_all_pages(wanted: WantedPages, http: Http) -> Items:
    """Read a whole list, page after page."""
    items: list[Any] = []
    pages, first = 0, {wanted.paging.page: wanted.paging.first} if isinstance(wanted.paging, ByNumber) else {}

    def next_page(page: HttpAnswer) -> str | dict[str, Any] | None:
        match wanted.paging:
            case ByLink():
                return page.next_link()
            case ByCursor(cursor=where, parameter=name):
                return {name: _at(page.json(), where) or None}
            case ByNumber(page=name, first=number):
                return {name: number + pages if _items(page, wanted.items) else None}

    for page in http.pages(wanted.path, query={**wanted.query, **first}, next_page=next_page):
        pages += 1
        items += _items(page, wanted.items)
        if len(items) >= wanted.limit:
            break
    return {"items": items[: wanted.limit], "pages": pages}


def _items(page: HttpAnswer, where: str) -> list[Any]:
    found = _at(page.json(), where)
    if not isinstance(found, list):
        place = f"at {where!r}" if where else "as a whole"
        raise InvalidInput(f"The answer has no list {place}. Look at one page with Send request, then say where it is.")
    return cast("list[Any]", found)


def _at(value: Any, where: str) -> Any:
    """Return what is at a path such as `meta.next`, or None."""
    for step in filter(None, where.split(".")):
        value = cast("dict[str, Any]", value).get(step) if isinstance(value, dict) else None
    return value
