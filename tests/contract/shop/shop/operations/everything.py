"""One operation for each thing the public API can show."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import Choice, Field, Http, choices_from
from shop.connector import shop


@dataclass
class Region:
    region: Annotated[str, Field(title="Region")]


@shop.choices
def list_regions() -> list[Choice]:
    """List the regions."""
    return [{"text": "North", "value": "north"}, {"text": "South", "value": "south"}]


@shop.choices
def list_channels(wanted: Region, http: Http) -> list[Choice]:
    """List the channels of a region."""
    names: list[str] = http.get("/channels/{region}", path={"region": wanted.region}).json()
    return [{"text": name.capitalize(), "value": name} for name in names]


@dataclass
class Message:
    channel: Annotated[str, Field(title="Channel"), choices_from(list_channels, region="region")]
    text: Annotated[str, Field(title="Text", format="text")] = ""
    region: Annotated[str | None, Field(title="Region"), choices_from(list_regions)] = None
    number_of_rows: Annotated[int, Field(title="Rows", is_advanced=True)] = 1


class Sent(TypedDict):
    ts: str
    channel: str


@shop.operation
def send_message(message: Message, http: Http) -> Sent:
    """Send a message to a channel."""
    return http.post("/messages/{channel}", path={"channel": message.channel}, json={"text": message.text}).json()


@dataclass
class StatusWanted:
    status: Annotated[int, Field(title="Status", minimum=200, maximum=599)]


@shop.operation
def get_status(wanted: StatusWanted, http: Http) -> dict[str, Any]:
    """Ask the shop for an answer with this status."""
    return http.get("/status/{status}", path={"status": wanted.status}, idempotent=False).json()


@shop.operation
def read_table() -> dict[str, Any]:
    """Read a table whose columns are known only when it is asked for."""
    return {"rows": []}


@shop.output_schema_of(read_table)
def read_table_schema() -> dict[str, Any]:
    """Say which columns the table has now."""
    return {"type": "object", "properties": {"rows": {"type": "array"}}}


@shop.operation
def show_key(http: Http) -> dict[str, Any]:
    """Show what the shop says it was signed in with."""
    return http.get("/echo/key").json()


@shop.private(name="#token_request")
def token_request() -> dict[str, Any]:
    """Never listed, never callable."""
    return {}


@shop.operation
def break_down() -> dict[str, Any]:
    """Fail as code fails that nobody has tried."""
    print("about to break")
    raise RuntimeError("the reason is a secret")
