"""Keeps a Docker host equal to a file in git, and takes back what is not healthy."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("moorline")
