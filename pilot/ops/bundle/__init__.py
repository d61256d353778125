"""Makes the file that travels."""
