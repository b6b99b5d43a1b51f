"""A connector to any server that speaks HTTP."""
