"""Who keeps an HAProxy there for the adapter: the agent, with an engine or without."""

from pathlib import Path
from typing import Protocol

__all__ = ["Keeper"]


class Keeper(Protocol):
    """What the adapter cannot do over HAProxy's sockets."""

    def keep(self) -> None:
        """Have HAProxy run with the file that is there; one that runs as it should is fine."""
        ...

    def check(self, config: Path) -> str:
        """What HAProxy has against a configuration file; "" where nothing."""
        ...
