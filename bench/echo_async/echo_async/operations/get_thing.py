"""Get thing."""

from dataclasses import dataclass
from typing import Annotated, Any

from jackfield import AsyncHttp, Field

from echo_async.connector import echo


@dataclass
class ThingRef:
    thing_id: Annotated[str, Field(title="Thing", max_length=100)]
    limit: Annotated[int, Field(title="Limit", minimum=1, maximum=100)] = 10


@echo.operation
async def get_thing(ref: ThingRef, http: AsyncHttp) -> dict[str, Any]:
    """Read one thing."""
    answer = await http.get("/things/{id}", path={"id": ref.thing_id}, query={"limit": ref.limit})
    return answer.json()
