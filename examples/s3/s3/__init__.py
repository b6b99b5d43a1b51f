"""A connector to files in buckets."""
