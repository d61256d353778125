"""Builds the single file that runs on worker nodes."""
