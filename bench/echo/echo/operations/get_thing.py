"""Get thing."""

from dataclasses import dataclass
from typing import Annotated, Any

from jackfield import Field, Http

from echo.connector import echo


@dataclass
class ThingRef:
    thing_id: Annotated[str, Field(title="Thing", max_length=100)]
    limit: Annotated[int, Field(title="Limit", minimum=1, maximum=100)] = 10


@echo.operation
def get_thing(ref: ThingRef, http: Http) -> dict[str, Any]:
    """Read one thing."""
    return http.get("/things/{id}", path={"id": ref.thing_id}, query={"limit": ref.limit}).json()
