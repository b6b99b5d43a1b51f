"""A connector to shops, each of which has a host of its own."""
