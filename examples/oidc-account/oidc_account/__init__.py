"""A connector to accounts at OpenID providers."""
