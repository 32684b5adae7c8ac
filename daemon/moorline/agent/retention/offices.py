"""What a retention run needs, wired once and handed around as one value."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from moorline.adapters.ports import Clock, Engine
from moorline.adapters.registry_port import Packages, Registry
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.config import Config
from moorline.agent.report import Reporter
from moorline.core.image import Digest, ImageRef
from moorline.errors import NotFound, RateLimited

__all__ = ["Offices", "Progress", "silent"]

T = TypeVar("T")
Progress: TypeAlias = Callable[[str, int, int], None]
"""Package, how many of its versions or manifests were read, and of how many (0: unknown)."""

LONGEST_WAIT = 300.0
"""A registry that asks for more seconds of patience is left alone until the next run."""
_WAITS = 10


def silent(_package: str, _done: int, _total: int) -> None:
    """Tell nobody how far it is."""


def _never() -> None:
    """Nobody says stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offices:
    """The ports, and the configuration. `packages` gives whoever knows a repository's versions."""

    config: Config
    repo: StateRepo
    registry: Registry
    packages: Callable[[ImageRef], Packages]
    engine: Engine | None
    clock: Clock
    reporter: Reporter
    check_stop: Callable[[], None] = _never
    """Raises Interrupted once the process was told to stop."""

    @property
    def folder(self) -> Path:
        """Where everything durable of retention is."""
        return Path(self.config.state_dir, "retention")

    def now(self) -> float:
        """Wall time in seconds since the epoch."""
        return self.clock.now().timestamp()

    def pause(self, seconds: float) -> None:
        """Wait; raises Interrupted when told to stop meanwhile."""
        if seconds > 0:
            self.clock.wait(seconds)
        self.check_stop()

    def resolved(self, image: ImageRef) -> Digest | None:
        """What a tag (or digest) names in the registry; None where it names nothing."""
        try:
            return self.patiently(lambda: self.registry.resolve(image))
        except NotFound:
            return None

    def patiently(self, call: Callable[[], T]) -> T:
        """Do it, and wait as long as the registry asks for; raises RateLimited where that is too
        long, or goes on and on.
        """
        for _ in range(_WAITS):
            try:
                return call()
            except RateLimited as error:
                if error.seconds > LONGEST_WAIT:
                    raise
                self.pause(max(1.0, error.seconds))
        return call()
