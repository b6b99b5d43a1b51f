"""What a hub counts, and who may read it."""
