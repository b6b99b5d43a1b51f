"""The processes tenant code runs in. Knows no database, no key and no credential."""
