"""Writes the files that start a pilot on each kind of target system ("world")."""
