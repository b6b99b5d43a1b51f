"""The connector of the self-test: it attacks the jail it runs in."""
