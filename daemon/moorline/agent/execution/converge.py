"""Bring the engine to a desired state: look, plan, guard, carry out; and again where it moved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moorline.agent.execution.canary import CanaryDriver
from moorline.agent.execution.execute import Executor
from moorline.agent.execution.gate import Gatekeeper
from moorline.agent.execution.jobs import JobRunner
from moorline.agent.execution.notes import NoNotes, Notes
from moorline.agent.execution.observe import observe
from moorline.agent.execution.schedule import run_plan
from moorline.agent.execution.traffic import Traffic
from moorline.agent.host import Host
from moorline.agent.images import before_pull
from moorline.core.actions import Plan, StartContainer
from moorline.core.desired import Desired
from moorline.core.model import ObservedEnvironment
from moorline.core.plan import plan
from moorline.core.preparing import name_networks
from moorline.core.slots import assign_slots
from moorline.core.values import JsonObject
from moorline.errors import Conflict

__all__ = ["Convergence", "Turns"]

REMOVAL_LOOKS = 20
REMOVAL_PAUSE = 0.05
ATTEMPTS = 5
"""How often a plan is made anew when the world moves under it, before the cycle gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What the caller wants to do, or to prevent, at the turns of a convergence."""

    planned: Callable[[ObservedEnvironment, Plan], None]
    """Every plan, before its first step; raises to refuse it."""
    ready: Callable[[], None]
    """Everything is prepared and nothing touched."""
    proven: Callable[[], None]
    """The verdict is good and nothing removed."""
    check: Callable[[], None]
    """Between steps and looks; raises to leave."""


class Convergence:
    """One attempt to make the engine equal to `desired`."""

    def __init__(
        self,
        host: Host,
        desired: Desired,
        *,
        proven: Callable[[], frozenset[str]],
        suspect: Callable[[str], bool],
        turns: Turns,
        notes: Notes | None = None,
        overlook: Callable[[ObservedEnvironment], ObservedEnvironment] = lambda seen: seen,
        snapshot: ObservedEnvironment | None = None,
    ) -> None:
        """`proven` gives the specs that need no proof, asked for at each planning; `overlook`
        takes out of every snapshot what is none of this convergence's business. `notes` are for
        a rollout: what is proven has neither canaries nor jobs. `snapshot` saves the first look
        of a caller that has just looked.
        """
        self._snapshot = snapshot
        self._overlook = overlook
        self._host = host
        self._desired = desired
        self._proven = proven
        self._suspect = suspect
        self._turns = turns
        self._notes = notes or NoNotes()
        self._gatekeepers: list[Gatekeeper] = []

    def run(self) -> Plan:
        """Return the plan that was carried out (the last, if it had to be made anew)."""
        failure: Conflict | None = None
        for _ in range(ATTEMPTS):
            observed, current = self.look()
            self._turns.planned(observed, current)
            try:
                self._carry_out(observed, current)
            except Conflict as conflict:
                failure = conflict
                self._host.reporter.note("looking again", reason=str(conflict))
                self._host.clock.wait(0.1)
                self._turns.check()
                continue
            return current
        raise failure or Conflict("the engine did not keep still")

    def look(self) -> tuple[ObservedEnvironment, Plan]:
        """A snapshot, and what it asks for."""
        observed = self._observe()
        for _ in range(REMOVAL_LOOKS):
            if not any(each.state == "removing" for each in observed.containers):
                break
            # in a moment it is gone, and its name is free again
            self._host.clock.wait(REMOVAL_PAUSE)
            observed = self._observe()
        return observed, plan(self._desired, observed, proven=self._proven())

    def _observe(self) -> ObservedEnvironment:
        snapshot, self._snapshot = self._snapshot, None
        observed = observe(
            self._host.engine,
            self._host.ingress,
            self._desired,
            suspect=self._suspect,
            snapshot=snapshot,
        )
        return self._overlook(observed)

    def verify(self, carried_out: Plan) -> None:
        """Return once everything that the plan started is well; raises VersionFailed."""
        started = {
            action.service
            for action in carried_out
            if isinstance(action, StartContainer)
            and not self._desired.awaited_to_complete(action.service)
        }
        if not started:
            return
        # by id: what was made in the plan carries its settled name by now
        gatekeeper = self._gatekeeper(self._observe())
        for service in sorted(started):
            gatekeeper.wait_for(service, "service_healthy")

    def evidence(self, previous: Mapping[str, str]) -> dict[str, JsonObject]:
        """What the gates saw of each service."""
        found: dict[str, JsonObject] = {}
        for gatekeeper in self._gatekeepers:
            found |= gatekeeper.evidence(previous)
        return found

    def _carry_out(self, observed: ObservedEnvironment, current: Plan) -> None:
        host, turns = self._host, self._turns
        gatekeeper = self._gatekeeper(observed)
        executor = Executor(
            host.engine,
            host.clock,
            host.reporter,
            desired=self._desired,
            gatekeeper=gatekeeper,
            traffic=self._traffic(observed),
            jobs=self._jobs(),
            canary=self._canary(gatekeeper),
            before_pull=lambda image: before_pull(host, self._desired.name, image),
            on_ready=turns.ready,
            on_proven=turns.proven,
        )
        run_plan(current, executor.perform, check=turns.check)

    def _gatekeeper(self, observed: ObservedEnvironment) -> Gatekeeper:
        slots, _ = assign_slots(self._desired, observed)
        gatekeeper = Gatekeeper(
            self._host.engine,
            self._host.prober,
            self._host.clock,
            desired=self._desired,
            targets={(slot.workload.name, slot.number): slot.target for slot in slots},
            check=self._turns.check,
        )
        self._gatekeepers.append(gatekeeper)
        return gatekeeper

    def _traffic(self, observed: ObservedEnvironment) -> Traffic:
        return Traffic(
            self._host.engine,
            self._host.ingress,
            self._host.clock,
            desired=self._desired,
            networks=name_networks(self._desired, observed),
            check=self._turns.check,
        )

    def _jobs(self) -> JobRunner:
        return JobRunner(
            self._host.engine,
            self._host.clock,
            self._host.reporter,
            desired=self._desired,
            notes=self._notes,
            check=self._turns.check,
        )

    def _canary(self, gatekeeper: Gatekeeper) -> CanaryDriver:
        host = self._host
        return CanaryDriver(
            ingress=host.ingress,
            metrics=host.metrics,
            clock=host.clock,
            reporter=host.reporter,
            state_dir=Path(host.config.state_dir),
            desired=self._desired,
            gatekeeper=gatekeeper,
            notes=self._notes,
        )
