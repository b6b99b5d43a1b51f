"""Files by reference: sent in, kept for a while, read by whoever holds a signed link."""
