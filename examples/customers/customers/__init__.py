"""A connector to customers that are kept in Kinto."""
