"""A connector to Matrix, the open network for chat."""
