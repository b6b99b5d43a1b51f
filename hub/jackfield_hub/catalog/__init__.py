"""Connector versions, their operations, and who may see them."""
