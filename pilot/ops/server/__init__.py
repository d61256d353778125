"""The pool server: one process, one event loop and one SQLite connection. All requests that arrive
in the same turn of the event loop share one commit."""
