"""The sign-in dialog: pages on which people store an auth, or change one."""
