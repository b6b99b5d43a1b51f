"""Running operations: input check, credentials, worker, outcome, ledger."""
