"""A connector to what the hub keeps for it."""
