"""What a hub does between being open and serving."""

from __future__ import annotations

import gc
import sys

from jackfield_hub.calls.history.sweep import plan_sweep
from jackfield_hub.first_start import make_first_organization
from jackfield_hub.hub import Hub
from jackfield_hub.logs import write_behind
from jackfield_hub.trust import read_trust

OBJECTS_A_COLLECTION = 10_000  # at Python's own 700 the collector took a twentieth of a busy hub's time
# How long the loop may keep a thread waiting that is ready, such as the one that writes the ledger: at Python's own
# 5 ms a record took 10 ms beside a busy loop, most of it waiting.
SWITCH_SECONDS = 0.0005


async def begin(hub: Hub) -> list[str]:
    """Get ready to serve; return what to tell the operator. Raises TooManyToTrust."""
    said: list[str] = []
    warning = await read_trust(hub)
    if warning is not None:
        said.append(warning)
    tokens_file = await make_first_organization(hub)
    if tokens_file is not None:
        said.append(f"First start: the tokens of your organization are in {tokens_file}")
    await plan_sweep(hub)
    write_behind()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.set_threshold(OBJECTS_A_COLLECTION)
    gc.freeze()  # what is loaded now stays for ever: the collector need not look through it again and again
    return said
