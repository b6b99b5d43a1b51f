"""The public GraphQL API: one address, the same services as everywhere else behind it."""
