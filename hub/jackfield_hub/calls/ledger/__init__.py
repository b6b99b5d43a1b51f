"""The task ledger: every executed call is stored, once, before it is answered.

    call ── record ──┐                       ┌─ file_home        usage.db, on a thread of its own
    call ── record ──┼─→ waiting ─→ batch ─→ ┤
    call ── record ──┘   (service)           └─ postgres_home    the hub's database, which several hubs may share

One batch is on its way at a time. What arrives meanwhile is the next: under load the ledger commits less often, not
later. A home takes a batch whole or not at all, and bears being given the same batch again.
"""
