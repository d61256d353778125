"""The factory: keeps the right number of pilots queued and running on batch systems."""
