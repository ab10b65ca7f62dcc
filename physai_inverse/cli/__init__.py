"""The command line: every command works on a study file and its database. Thin: what it shows is decided below."""

from physai_inverse.cli.app import app, main

__all__ = ["app", "main"]
