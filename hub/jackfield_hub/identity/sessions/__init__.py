"""Sessions: how people, who have a password and no token, use the hub in a browser."""
