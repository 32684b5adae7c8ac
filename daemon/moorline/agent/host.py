"""Everything that acting on one host needs, wired once and handed around as one value."""

from collections.abc import Callable
from dataclasses import dataclass, field

from moorline.adapters.ingress_port import Ingress
from moorline.adapters.metrics_port import Metrics, NoMetrics
from moorline.adapters.ports import Clock, Engine, FileStore, Prober
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.config import Config
from moorline.agent.incidents import Incidents
from moorline.agent.report import Reporter

__all__ = ["Host"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The ports, the configuration, and two questions only the process can answer."""

    config: Config
    engine: Engine
    repo: StateRepo
    prober: Prober
    ingress: Ingress
    files: FileStore
    clock: Clock
    reporter: Reporter
    check_stop: Callable[[], None]
    """Raises Interrupted once the process was told to stop."""
    incidents: Incidents = field(default_factory=Incidents)
    """What the engine's events told; nothing, where nobody follows them."""
    metrics: Metrics = field(default_factory=NoMetrics)
    tags_wait: Callable[[], None] = lambda: None
    """Called once there are registry tags to move: wakes whoever does it, and returns at once."""
