"""A connector to customers that are kept in a parse-server."""
