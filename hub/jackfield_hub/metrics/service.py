"""What is answered to whoever scrapes this hub. Loaded by the first scrape."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from jackfield_hub.database import DatabaseAway
from jackfield_hub.hub import Hub
from jackfield_hub.metrics import families

WHOLE_HUB = "hub"  #: the process, when there is only one


class _Collected(Collector):
    """Families that are there already."""

    def __init__(self, collected: list[Metric]) -> None:
        self._collected = collected

    def collect(self) -> list[Metric]:
        return self._collected


async def write_metrics(hub: Hub, accept: str) -> tuple[bytes, str]:
    """Return the numbers of all processes, and their content type: text, or OpenMetrics when `accept` asks for that."""
    registry = CollectorRegistry(auto_describe=False)
    told = families.with_process(families.of_process(hub), hub.process or WHOLE_HUB)
    for process, said in hub.siblings.fresh().items():
        told += families.with_process(families.from_json(said), process)
    registry.register(_Collected([*families.merged(told), *await _shared(hub)]))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


async def _shared(hub: Hub) -> list[Metric]:
    """Return what is the same in all processes. A hub without its database still says how it is."""
    try:
        waiting = await hub.jobs.waiting()
    except DatabaseAway:
        return [families.database_answers(False)]
    return [families.database_answers(True), *families.of_queue(waiting, hub.clock())]
