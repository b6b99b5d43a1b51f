"""What every resolver is given: the hub, who asks, and what the answer may still cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import strawberry

from jackfield_hub.graphql.limits import MAX_NODES, Limit, OverLimit
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller


@dataclass
class Context:
    """One document while it is answered."""

    hub: Hub
    caller: Caller
    request_id: str
    operation_name: str | None
    patience: asyncio.Timeout
    nodes: int = 0

    def take_nodes(self, count: int) -> None:
        """Put so many nodes into the answer. Raises OverLimit."""
        self.nodes += count
        if self.nodes > MAX_NODES:
            raise OverLimit(
                Limit.TOO_MANY_NODES, f"The lists of the answer have more than {MAX_NODES} nodes; ask for smaller pages"
            )

    def wait_for_a_call(self) -> None:
        """Allow for a call, which has a limit of its own, and for what comes after it."""
        settings = self.hub.settings
        seconds = settings.call_seconds + settings.graphql_seconds
        self.patience.reschedule(asyncio.get_running_loop().time() + seconds)


Info = strawberry.Info[Context, None]
