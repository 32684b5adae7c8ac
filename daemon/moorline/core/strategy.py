"""How a new version takes the place of the old one: the strategies, and what belongs to them.

    recreate     the old container stops, the new one starts: for what owns a port or data alone
    rolling      replicas are replaced a few at a time
    blue-green   the new version starts beside the old one, and all traffic moves at once
    canary       the same, and traffic moves in steps that its own errors and times decide on

Shares of traffic are whole numbers out of `ALL`, so that they are exact wherever they go.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from moorline.core.image import ImageRef
from moorline.core.values import JsonObject

__all__ = [
    "ALL",
    "AbortOn",
    "BlueGreen",
    "Canary",
    "CanaryStep",
    "Job",
    "MetricLimit",
    "Recreate",
    "Rolling",
    "Strategy",
]

ALL = 10_000
"""The share that is all of the traffic."""


@dataclass(frozen=True, slots=True)
class Recreate:
    """Stop the old one, start the new one."""

    name: ClassVar[str] = "recreate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """Replace replicas in turn. At least one of the two numbers is above 0."""

    name: ClassVar[str] = "rolling"
    max_unavailable: int = 0
    """How many of the replicas may be missing at a time."""
    max_surge: int = 1
    """How many containers there may be beyond the replicas."""


@dataclass(frozen=True, slots=True)
class BlueGreen:
    """Start the new version beside the old one, then move all traffic at once."""

    name: ClassVar[str] = "blue-green"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStep:
    """A share of the requests, held for `seconds`, or until a person promotes it."""

    share: int
    """Out of `ALL`."""
    seconds: float = 0.0
    pause: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLimit:
    """A Prometheus query that gives one number, and the number that is too much."""

    query: str
    above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortOn:
    """When a canary is taken back. A limit that is None is not looked at.

    error_rate    share of its requests that failed, 0 to 1
    p95           seconds within which 95 % of its requests are answered
    min_requests  requests below which neither is judged
    """

    error_rate: float | None = None
    p95: float | None = None
    min_requests: int = 50
    prometheus: MetricLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Move traffic step by step, and judge the new version by what it does with it."""

    name: ClassVar[str] = "canary"
    steps: tuple[CanaryStep, ...]
    abort_on: AbortOn = field(default_factory=AbortOn)


Strategy: TypeAlias = Recreate | Rolling | BlueGreen | Canary


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A one-shot container that runs before or after a service's new version takes over.

    It is the service's container (networks, mounts, environment, limits) without ports, names and
    healthcheck, and with `image` and `config` in place of the service's. `config` holds
    create-request keys: Cmd, Entrypoint, User, WorkingDir, and Env already merged with the
    service's.
    """

    name: str
    when: Literal["before", "after"]
    image: ImageRef
    config: JsonObject = field(default_factory=dict)
    timeout: float = 300.0
    forward_only: bool = False
    """Whether an image rollback cannot undo what it does (a migration that drops a column)."""
