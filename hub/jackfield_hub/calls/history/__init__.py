"""Looking up calls, and counting them by day, connector, operation and user: all of it from the ledger's rows."""
