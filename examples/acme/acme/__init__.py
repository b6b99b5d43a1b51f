"""A connector to Acme."""
