"""Who did what that others may ask about."""
