"""Stored credentials of one owner for one service environment."""
