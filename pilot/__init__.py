"""The engine of the pilot toolbox; it knows no command by name."""

VERSION = "0.1.0"
