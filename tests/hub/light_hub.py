"""A hub with a database, a vault and a way out, and nothing that runs connectors: several may share one database."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import MISSING, Field, fields
from typing import Any

from jackfield.egress.engine import Engine
from jackfield_hub.auths.couriers import Couriers
from jackfield_hub.auths.sealing import open_vault
from jackfield_hub.database import Database
from jackfield_hub.hub import Hub
from jackfield_hub.sandbox.confinement import Confinement
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.settings import Settings


@asynccontextmanager
async def light_hub(settings: Settings) -> AsyncGenerator[Hub]:
    """Give the hub; it does not own its data folder."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database, egress, couriers = Database(settings.database_url), Engine(), Couriers(settings)
    await database.migrate()
    present: dict[str, Any] = {
        "settings": settings,
        "database": database,
        "clock": time.time,
        "vault": await open_vault(settings, database),
        "egress": egress,
        "couriers": couriers,
        "confinement": Confinement(Rung.NO_NAMESPACES),  # nobody runs anything, and nobody has to be kept in
    }
    absent: dict[str, Any] = {field.name: None for field in fields(Hub) if _must_be_given(field)}
    hub = Hub(**{**absent, **present})
    try:
        yield hub
    finally:
        await hub.renewals.end(1)
        await couriers.end(1)
        await egress.close()
        await database.close()


def _must_be_given(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
