"""For operators and authors of modules; nothing in here runs on a node, and no file for nodes has it."""
