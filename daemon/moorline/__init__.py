"""Keeps a Docker host equal to a file in git, and takes back what is not healthy."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Look `__version__` up when it is asked for: importlib.metadata is half of a `--help`."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415  (see above)

    return version("moorline")
