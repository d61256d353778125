"""The worker node: pure parsers, and thin functions that read the files and call the parsers."""
