"""The pool over the network: one process, one event loop, one SQLite connection, one commit for all
that came at once."""
