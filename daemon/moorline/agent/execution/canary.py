"""Drive a canary: look, let `core.canary` decide, set the share, and wait for the next look.

Nothing waits in here: a canary lasts minutes to days, and other work of the environment goes on
meanwhile. `Waiting` leaves the rollout open until the next look, about a second later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from moorline.adapters.ingress_port import Ingress, TrackStats
from moorline.adapters.metrics_port import Measurement, Metrics
from moorline.adapters.ports import Clock
from moorline.agent.execution.gate import Gatekeeper, VersionFailed
from moorline.agent.execution.notes import Notes
from moorline.agent.execution.promotion import Promotion
from moorline.agent.report import Reporter
from moorline.core.actions import AdvanceCanary
from moorline.core.canary import (
    Abort,
    Counts,
    Done,
    Look,
    Paused,
    Progress,
    Raise,
    Stay,
    advance,
    describe,
)
from moorline.core.desired import Desired
from moorline.core.strategy import ALL, Canary
from moorline.core.traffic import Track, share_for
from moorline.core.values import JsonObject
from moorline.errors import Conflict, Waiting

__all__ = ["CanaryDriver", "read_progress"]

LOOK_EVERY = 1.0


def read_progress(data: JsonObject) -> Progress | None:
    """What `Notes.save_canary` was given; None where there is nothing yet."""
    return msgspec.convert(data, Progress) if data else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryDriver:
    """Drives the canaries of one desired state."""

    ingress: Ingress
    metrics: Metrics
    clock: Clock
    reporter: Reporter
    state_dir: Path
    desired: Desired
    gatekeeper: Gatekeeper
    notes: Notes

    def advance(self, action: AdvanceCanary) -> None:
        """Return once all steps are passed; raises Waiting until then, or VersionFailed."""
        policy = self._policy(action.service)
        before = read_progress(self.notes.canary(action.service))
        look = self._look(action, policy, before)
        progress, decision = advance(policy, before, look, track=action.track)
        if isinstance(decision, Abort):
            self._all_to_the_other(action)
        self.notes.save_canary(action.service, msgspec.to_builtins(progress))
        self._tell(action.service, before, progress)
        match decision:
            case Abort(reason):
                raise VersionFailed(action.service, reason)
            case Done():
                return
            case Raise():
                self._tell_share(action.service, policy, progress)
            case Stay() | Paused():
                pass
        self._set_share(action, policy, progress)
        self._wait(action.service, policy, progress)

    def _policy(self, service: str) -> Canary:
        workload = self.desired.workload(service)
        if workload is None or not isinstance(workload.service.strategy, Canary):
            raise Conflict(f"{service} has no canary in this plan's file")
        return workload.service.strategy

    # --- looking ---

    def _look(self, action: AdvanceCanary, policy: Canary, progress: Progress | None) -> Look:
        stats = self.ingress.stats(self.desired.name, action.service)
        limit = policy.abort_on.prometheus
        measured = self.metrics.query(limit.query) if limit else Measurement()
        return Look(
            at=self.clock.now(),
            new=_counts(stats, action.track),
            old=_counts(stats, _other(action.track)),
            metric=measured.value,
            trouble=measured.trouble,
            unwell=self.gatekeeper.unwell(action.service),
            promoted=progress is not None and self._promoted(action.service, progress.step),
        )

    def _promoted(self, service: str, step: int) -> bool:
        promotion = Promotion(self.state_dir, self.desired.name, service)
        return promotion.given(self.notes.deployment, step)

    # --- acting ---

    def _set_share(self, action: AdvanceCanary, policy: Canary, progress: Progress) -> None:
        share = policy.steps[progress.step].share
        green = share if action.track == "green" else ALL - share
        self._shift(action.service, green)

    def _all_to_the_other(self, action: AdvanceCanary) -> None:
        self._shift(action.service, share_for(_other(action.track)))

    def _shift(self, service: str, green: int) -> None:
        """Set green's share, unless it has that already: every setting is written to disk."""
        routes = self.ingress.observe(self.desired.name) or {}
        if service not in routes or routes[service].share != green:
            self.ingress.shift(self.desired.name, service, green)

    # --- telling ---

    def _wait(self, service: str, policy: Canary, progress: Progress) -> NoReturn:
        sentence = f"{self.desired.name}: the canary of {service} is at "
        seconds = policy.steps[progress.step].seconds - progress.watched
        raise Waiting(
            sentence + describe(policy, progress),
            seconds=min(LOOK_EVERY, seconds) if seconds > 0 else LOOK_EVERY,
            mend=f"moorline promote {self.desired.name} {service}" if progress.paused else "",
        )

    def _tell(self, service: str, before: Progress | None, now: Progress) -> None:
        note = self.reporter.note
        for ended in now.steps[len(before.steps) if before else 0 :]:
            note("canary step ended", service=service, **msgspec.to_builtins(ended))
        if now.trouble and (before is None or before.trouble != now.trouble):
            note("canary without its query", service=service, reason=now.trouble)

    def _tell_share(self, service: str, policy: Canary, progress: Progress) -> None:
        where = describe(policy, progress)
        self.reporter.note("canary step begins", service=service, step=where)


def _counts(stats: Mapping[Track, TrackStats], track: Track) -> Counts:
    found = stats.get(track, TrackStats())
    return Counts(requests=found.requests, errors=found.errors, timed=found.timed, slow=found.slow)


def _other(track: Track) -> Track:
    return "blue" if track == "green" else "green"
