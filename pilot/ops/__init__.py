"""The operators' tools: nothing of this room travels in the file for nodes."""
