"""The operators' tools. The file that runs on worker nodes does not contain this package."""
