"""The operators' command line for a task pool, and the operations on its file that only operators
use."""
