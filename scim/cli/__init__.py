"""The administration command line: `python -m scim.cli`. Part of the composition root, like app."""

from scim.cli.main import main

__all__ = ["main"]
