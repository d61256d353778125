"""The operators' side of a task pool: its command line, and what only they do with its file."""
