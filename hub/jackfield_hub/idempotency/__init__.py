"""Requests that are sent again, and must not be carried out again."""
