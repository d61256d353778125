"""Ways to get software, and what a source is."""
