"""Uses one auth many times at once, each time somebody says so: `refresh_worker SETTINGS ORGANIZATION AUTH CALLERS`.

For each line on stdin it writes one: the access tokens its callers got, or the names of what they ran into.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson

from jackfield_hub.auths import service as auths
from jackfield_hub.auths.opening import find_sealed
from jackfield_hub.auths.shapes import SealedAuth
from jackfield_hub.hub import Hub
from jackfield_hub.logs import configure_logs
from jackfield_hub.services.finding import find_service
from jackfield_hub.settings import Settings
from tests.hub.light_hub import light_hub

CALL_SECONDS = 60.0


async def main(told: str, organization_id: str, auth_id: str, callers: int) -> None:
    async with light_hub(Settings(**orjson.loads(told))) as hub:
        auth = await _read(hub, organization_id, auth_id)
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            found = await asyncio.gather(*(_use(hub, auth) for _ in range(callers)))
            print(orjson.dumps(found).decode(), flush=True)


async def _use(hub: Hub, auth: SealedAuth) -> str:
    key = (auth.organization_id, auth.auth_id)
    known = hub.known_auths.find(key) or auth
    async with hub.database.reading() as tx:
        service = await find_service(tx, auth.organization_id, auth.service_id)
    try:
        opened = await auths.open_for_call(hub, known, service, time.monotonic() + CALL_SECONDS)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return opened.credentials["accessToken"]


async def _read(hub: Hub, organization_id: str, auth_id: str) -> SealedAuth:
    async with hub.database.reading() as tx:
        auth = await find_sealed(tx, organization_id, auth_id)
    assert auth is not None
    return auth


if __name__ == "__main__":
    configure_logs()
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
