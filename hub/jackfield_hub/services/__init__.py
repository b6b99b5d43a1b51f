"""Third parties as we know them: hosts, ways to sign in, environments."""
