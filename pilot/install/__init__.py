"""Installs software from sources of several kinds."""
