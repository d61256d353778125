"""How a pilot travels: the files that each world of workers expects."""
