"""The command line, one file a command; the folder is the registry.

A command is the function named as its file; it parses, calls the library once and prints. Nothing here imports torch before
a command runs, so that `headstart --help` answers at once.
"""

from headstart.cli._application import main

__all__ = ["main"]
