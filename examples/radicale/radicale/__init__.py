"""A connector to address books that are kept on a CardDAV server."""
