"""One file, one operation."""
