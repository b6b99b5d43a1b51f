"""A connector to any GraphQL API."""
