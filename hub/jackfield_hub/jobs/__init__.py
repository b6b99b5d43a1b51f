"""Work that outlives a process: claimed, fenced, tried again."""
