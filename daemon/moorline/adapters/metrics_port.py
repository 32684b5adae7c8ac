"""What the agent needs of a metrics server, as a Protocol. The rules of `ports` hold here too."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Measurement", "Metrics", "NoMetrics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a query gave: a number, or in `trouble` why there is none."""

    value: float | None = None
    trouble: str = ""


class Metrics(Protocol):
    """A metrics server. One that is away is no verdict on anything, and raises nothing."""

    def query(self, text: str) -> Measurement:
        """The result of an instant query; the largest of several numbers."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


class NoMetrics:
    """Stands in where the configuration has no `[prometheus]`."""

    def query(self, text: str) -> Measurement:  # noqa: ARG002
        return Measurement(trouble="no [prometheus] in the agent's configuration")

    def close(self) -> None:
        """Nothing is open."""
