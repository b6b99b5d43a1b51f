"""Workspaces: where an organization keeps things, and who may do what there."""
