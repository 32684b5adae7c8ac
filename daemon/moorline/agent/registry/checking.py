"""The check for vanished images as a task: now and then, told once, kept for `moorline status`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from moorline.adapters.files import PlanningFileStore
from moorline.adapters.registry_port import Registry
from moorline.agent.durable.memory import MemoryFile
from moorline.agent.host import Host
from moorline.agent.load import Loader
from moorline.agent.registry.vanished import Vanished, VanishedFile, look_for, needed_by
from moorline.core.durations import parse_duration
from moorline.errors import MoorlineError

__all__ = ["VanishedCheck"]

FIRST = 60.0
"""Seconds in which a daemon that was just started has better things to do."""


@dataclass(slots=True)
class VanishedCheck:
    """See `Task`."""

    host: Host
    registry: Callable[[], Registry]
    name: str = "vanished images"
    _earliest: float = math.nan

    def __post_init__(self) -> None:
        self._earliest = self.host.clock.monotonic() + min(FIRST, self._interval)

    @property
    def _interval(self) -> float:
        return parse_duration(self.host.config.registry.check_interval)

    def due_in(self) -> float:
        """By the oldest of the files: a restart is no reason to ask again."""
        if not self._interval:
            return math.inf
        due = min(self._due_in(name) for name in self.host.config.environments)
        return max(due, self._earliest - self.host.clock.monotonic())

    def run(self) -> None:
        """Look at every environment that something was proven in."""
        for name in self.host.config.environments:
            if self._due_in(name) <= 0:
                self._look(name)

    def _due_in(self, environment: str) -> float:
        looked = self._file(environment).load().looked
        if not looked:
            return 0.0
        ago = (self.host.clock.now() - datetime.fromisoformat(looked)).total_seconds()
        # a clock that was set back must not end the checks
        return self._interval - ago if ago >= 0 else 0.0

    def _look(self, environment: str) -> None:
        memory = MemoryFile(Path(self.host.config.state_dir), environment).load()
        needed = needed_by(memory, self._pinned(environment))
        file = self._file(environment)
        known = file.load()
        now = self.host.clock.now().isoformat(timespec="seconds")
        found = (
            look_for(self.registry(), needed, known, now=now) if needed else Vanished(looked=now)
        )
        file.save(found)
        self._tell(known, found)

    def _pinned(self, environment: str) -> Mapping[str, str]:
        """What the branch asks for, jobs included; nothing where nobody can read it."""
        config = self.host.config
        files = PlanningFileStore(
            state_dir=Path(config.state_dir), runtime_dir=Path(config.runtime_dir)
        )
        try:
            tip = self.host.repo.tip()
            desired = tip and Loader(config, self.host.repo, files).load(environment, tip)
        except MoorlineError:
            return {}  # what is wrong with the file is told by its own cycle
        if not desired:
            return {}
        jobs = {
            f"{each.name}/{job.name}": job.image.pin
            for each in desired.workloads
            for job in each.service.jobs
        }
        return desired.pins | jobs

    def _tell(self, known: Vanished, found: Vanished) -> None:
        before, now = _images(known), _images(found)
        for image in sorted(now.keys() - before.keys()):
            self.host.reporter.note("image gone from the registry", says=now[image])
        for image in sorted(before.keys() - now.keys()):
            self.host.reporter.note("image no longer missed", image=image)

    def _file(self, environment: str) -> VanishedFile:
        return VanishedFile(Path(self.host.config.state_dir), environment)


def _images(vanished: Vanished) -> dict[str, str]:
    return {each.image: str(each) for each in vanished.gone}
