"""The built-in agent: claims tasks from a pool, runs payloads, never trusts them."""
