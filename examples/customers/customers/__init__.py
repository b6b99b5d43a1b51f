"""Customers: a small customer database on a Kinto server."""
