"""The runtime watch: looks after what is proven while it serves.

A service that turns unhealthy, runs out of memory or dies again and again is restarted with
growing pauses. Soon after its rollout that is a verdict on the rollout, and the caller ends it;
later it is only told. What people do by hand is drift and never a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Proven
from moorline.agent.host import Host
from moorline.agent.outcome import Outcome
from moorline.core.desired import Desired
from moorline.core.health import gate_for
from moorline.core.model import ObservedContainer, ObservedEnvironment
from moorline.core.slots import STOPPED
from moorline.core.watch import Restarts, Signs, illness, is_watched
from moorline.errors import Conflict, NotFound, StorageFailed

__all__ = ["Failing", "Findings", "RuntimeWatch"]


@dataclass(frozen=True, slots=True)
class Failing:
    """One container that fails while it serves, and why."""

    container: ObservedContainer
    reason: str
    is_ill: bool = True
    """Whether that says something about its version; a single death does not."""

    def __str__(self) -> str:
        return f"{self.container.service} #{self.container.number}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Findings:
    """One look. `resting` are the ids of containers that are down and not due yet."""

    failing: tuple[Failing, ...] = ()
    resting: frozenset[str] = frozenset()
    seconds: float | None = None
    """When the next of them is due."""

    def overlook(self, seen: ObservedEnvironment) -> ObservedEnvironment:
        """The snapshot with what rests as if it ran, so that no plan starts it before its time."""
        if not self.resting:
            return seen
        return replace(
            seen,
            containers=tuple(
                replace(each, state="running", health="") if each.id in self.resting else each
                for each in seen.containers
            ),
        )

    def tell(self, outcome: Outcome, environment: str) -> Outcome:
        """How the cycle ended, where something failed in it."""
        if not self.failing or outcome.word not in {"converged", "repaired"}:
            return outcome
        what = ", ".join(str(each) for each in self.failing)
        sentence = f"{environment}: {what}; restarted with growing pauses"
        return replace(outcome, word="failed", sentence=sentence, seconds=self.seconds)


class RuntimeWatch:
    """Of one environment; knows the restarts that it made since the process began."""

    def __init__(self, host: Host, ledger: Ledger) -> None:
        self._host = host
        self._ledger = ledger
        self._restarts: dict[str, Restarts] = {}
        self._told: frozenset[str] = frozenset()

    def look(
        self, desired: Desired, proven: Proven, seen: Sequence[ObservedContainer]
    ) -> Findings:
        """Look at what serves among what was `seen`, and note what fails; changes nothing."""
        serving = [each for each in seen if _is_serving(desired, each)]
        failing = tuple(
            found for each in serving if (found := self._failing(desired, proven, each))
        )
        self._tell_once(failing)
        there = {each.id for each in seen}
        self._restarts = {id_: each for id_, each in self._restarts.items() if id_ in there}
        return Findings(failing)

    def verdict(self, desired: Desired, proven: Proven, findings: Findings) -> Failing | None:
        """What condemns the rollout that proved this: a failure soon after it."""
        ill = next((each for each in findings.failing if each.is_ill), None)
        if ill is None or not proven.at:
            return None
        watch = desired.environment.settings.watch
        return ill if is_watched(_moment(proven.at), watch, now=self._now()) else None

    def treat(self, findings: Findings) -> Findings:
        """Stop what has to begin anew, for the repair to start it; returns what has to wait."""
        now = self._host.clock.monotonic()
        waits: dict[str, float] = {}
        for failing in findings.failing:
            container = failing.container
            before = self._restarts.get(container.id, Restarts())
            if not _needs_restart(container):
                continue
            if pause := before.pause(now):
                waits[container.id] = pause
            else:
                self._restarts[container.id] = before.again(now)
                self._stop_for_restart(failing)
        down = {each.container.id for each in findings.failing if _is_down(each.container)}
        seconds = min(waits.values(), default=None)
        return replace(findings, resting=frozenset(down & waits.keys()), seconds=seconds)

    def _failing(
        self, desired: Desired, proven: Proven, container: ObservedContainer
    ) -> Failing | None:
        incidents, since = self._host.incidents, _moment(proven.at)
        signs = Signs(
            unhealthy=self._is_unhealthy(desired, container, since),
            deaths=incidents.deaths(container.id),
            ooms=incidents.ooms(container.id),
        )
        if reason := illness(signs, now=self._now(), since=since):
            return Failing(container, reason)
        if _is_down(container) and incidents.is_down(container.id):
            return Failing(container, f"died with exit code {container.exit_code}", is_ill=False)
        return None

    def _is_unhealthy(self, desired: Desired, container: ObservedContainer, since: float) -> bool:
        """Whether its check fails, and had the time that its gate would give it to come up."""
        workload = desired.workload(container.service)
        if container.health != "unhealthy" or container.state != "running" or workload is None:
            return False
        try:
            inspection = self._host.engine.inspect(container.id)
        except NotFound:
            return False
        started = _moment(inspection.started_at)
        if started <= since:
            return True  # it was healthy since
        deadline = gate_for(workload.service.health, inspection, job=False).deadline
        return self._now() - started >= deadline

    def _stop_for_restart(self, failing: Failing) -> None:
        container = failing.container
        self._count(container.service)
        self._host.reporter.note(
            "restarting", environment=self._ledger.environment, why=str(failing)
        )
        if _is_down(container):
            return
        for hook in container.pre_stop:
            try:
                self._host.engine.run_hook(container.id, hook)
            except (Conflict, NotFound):
                break  # it ended meanwhile
        self._host.engine.stop(container.id, grace=container.stop_grace_period)

    def _count(self, service: str) -> None:
        try:
            restarts = self._ledger.memory.load().restarts
            self._ledger.remember(restarts=restarts | {service: restarts.get(service, 0) + 1})
        except StorageFailed as error:
            # what serves comes first, also where nothing can be noted
            self._host.reporter.note("restart not counted", error=str(error))

    def _tell_once(self, failing: tuple[Failing, ...]) -> None:
        ids = frozenset(each.container.id for each in failing)
        for each in failing:
            if each.container.id not in self._told:
                environment = self._ledger.environment
                self._host.reporter.note("failing", environment=environment, what=str(each))
        self._told = ids

    def _now(self) -> float:
        return self._host.clock.now().timestamp()


def _is_serving(desired: Desired, container: ObservedContainer) -> bool:
    """Whether it is what was proven, and meant to stay up."""
    wanted = container.ours and not container.job and container.spec in desired.specs
    return wanted and not desired.awaited_to_complete(container.service)


def _is_down(container: ObservedContainer) -> bool:
    return container.state in STOPPED


def _needs_restart(container: ObservedContainer) -> bool:
    """Down, or unhealthy; what the engine restarts by itself is up again by now."""
    return _is_down(container) or container.health == "unhealthy"


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
