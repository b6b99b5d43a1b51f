"""Acme: the products of a shop."""
