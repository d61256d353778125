"""The machine we are on: pure parsers, and thin readers around them."""
