"""The health gate: look at containers until `core.health` has a verdict on each.

The looking is here, the judging is not. An engine that does not answer is no sample: it ends the
gate with a Transient error, and the rollout takes it up again later.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from moorline.adapters.ports import Clock, Engine, Prober
from moorline.core.desired import Desired, Workload
from moorline.core.health import (
    CRASH_LOOP_RESTARTS,
    Booting,
    Failed,
    Gate,
    Healthy,
    Sample,
    Verdict,
    gate_for,
    is_healthy,
    judge,
)
from moorline.core.model import Condition, HealthPolicy, Inspection
from moorline.core.records import LOG_LINES, ServiceEvidence, mask, masked_logs
from moorline.core.values import JsonObject
from moorline.errors import Conflict, NotFound

__all__ = ["Gatekeeper", "VersionFailed"]

Slots = Mapping[tuple[str, int], str]
ProbeWord = Literal["none", "ok", "failing"]
PROBE_TIMEOUT = 2.0
LOOK_EVERY_FIRST = 0.02
"""In the first second, at what is not well yet: whoever waits for traffic waits for this look."""
FIRST = 1.0
LOOK_EVERY = 0.1
LOOK_EVERY_LATER = 0.5
LATER = 15.0


class VersionFailed(Exception):
    """A service's new version failed; carries the verdict for the record."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason


@dataclass(slots=True)
class _Subject:
    """One container under the gate."""

    service: str
    target: str
    gate: Gate
    policy: HealthPolicy
    opened: float
    samples: list[Sample] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Booting("a first look"))


class Gatekeeper:
    """Gates for the containers of one rollout; samples are kept as its evidence."""

    def __init__(
        self,
        engine: Engine,
        prober: Prober,
        clock: Clock,
        *,
        desired: Desired,
        targets: Slots,
        check: Callable[[], None],
    ) -> None:
        """`check` runs between looks and raises to leave (told to stop, superseded)."""
        self._engine = engine
        self._prober = prober
        self._clock = clock
        self._desired = desired
        self._targets = targets
        self._check = check
        self._subjects: dict[str, _Subject] = {}

    def prove(self, services: Iterable[str]) -> None:
        """Return once every container of `services` is proven; raises VersionFailed."""
        subjects = [subject for name in services for subject in self._open(name)]
        waiting = subjects
        while waiting:
            for subject in waiting:
                self._judge(subject)
            waiting = [each for each in waiting if not isinstance(each.verdict, Healthy)]
            if waiting:
                self._pause(waiting)

    def wait_for(self, service: str, condition: Condition, *, number: int | None = None) -> None:
        """Return once a service, or one container of it, meets a condition; raises
        VersionFailed.
        """
        waiting = self._open(service, number)
        while waiting:
            for subject in waiting:
                self._judge(subject)
            if condition == "service_completed_successfully":
                waiting = [each for each in waiting if not isinstance(each.verdict, Healthy)]
            else:
                waiting = [each for each in waiting if not is_healthy(each.gate, each.samples[-1])]
            if waiting:
                self._pause(waiting)

    def evidence(self, previous: Mapping[str, str]) -> dict[str, JsonObject]:
        """What was seen of each service that had a gate; `previous` are the pins before."""
        found: dict[str, JsonObject] = {}
        for subject in self._subjects.values():
            if subject.service not in found or isinstance(subject.verdict, Failed):
                found[subject.service] = self._evidence(subject, previous).as_data()
        return found

    def _evidence(self, subject: _Subject, previous: Mapping[str, str]) -> ServiceEvidence:
        failed = isinstance(subject.verdict, Failed)
        last = subject.samples[-1] if subject.samples else None
        sensitive = self._desired.environment.sensitive
        return ServiceEvidence(
            image=self._desired.pins[subject.service],
            previous=previous.get(subject.service, ""),
            verdict=type(subject.verdict).__name__.lower(),
            reason=mask(subject.verdict.reason, sensitive)
            if isinstance(subject.verdict, Failed)
            else "",
            exit_code=last.exit_code if last and last.state in {"exited", "dead"} else None,
            samples=tuple(
                {key: mask(v, sensitive) if isinstance(v, str) else v for key, v in data.items()}
                for data in (sample.as_data() for sample in subject.samples)
            ),
            logs=masked_logs(self._logs(subject.target), sensitive) if failed else (),
        )

    def _logs(self, target: str) -> tuple[str, ...]:
        try:
            return self._engine.logs(target, lines=LOG_LINES)
        except NotFound:
            return ()

    def _judge(self, subject: _Subject) -> None:
        self._look(subject)
        now = self._clock.monotonic() - subject.opened
        subject.verdict = judge(subject.gate, subject.samples, now=now)
        if isinstance(subject.verdict, Failed):
            raise VersionFailed(subject.service, self._masked(subject.verdict.reason))

    def unwell(self, service: str) -> str:
        """Take one look at what passed its gate before: what is wrong with it, "" for nothing.

        A probe of ours that fails once is no reason here: the ingress looks for itself, and sends
        requests elsewhere. An exit is none either, as long as the engine or the next plan starts
        it again: it counts among the restarts.
        """
        for (name, _), target in self._targets.items():
            seen = self._inspect(target) if name == service else None
            if seen is not None and seen.health == "unhealthy":
                return self._masked(f"unhealthy: {_brief(seen)}")
            if seen is not None and seen.restart_count >= CRASH_LOOP_RESTARTS:
                return f"crash loop: restarted {seen.restart_count} times"
        return ""

    def _open(self, service: str, number: int | None = None) -> list[_Subject]:
        workload = self._desired.workload(service)
        targets = [
            target
            for (name, place), target in self._targets.items()
            if name == service and number in {None, place}
        ]
        return [self._subject(workload, target) for target in targets if workload is not None]

    def _subject(self, workload: Workload, target: str) -> _Subject:
        if target not in self._subjects:
            inspection = self._inspect(target)
            job = self._desired.awaited_to_complete(workload.name)
            self._subjects[target] = _Subject(
                service=workload.name,
                target=target,
                gate=gate_for(workload.service.health, inspection, job=job),
                policy=workload.service.health,
                opened=self._clock.monotonic(),
            )
        return self._subjects[target]

    def _look(self, subject: _Subject) -> None:
        inspection = self._inspect(subject.target)
        probe = self._probe(subject.policy, inspection)
        subject.samples.append(
            Sample(
                at=self._clock.monotonic() - subject.opened,
                state=inspection.state,
                exit_code=inspection.exit_code,
                # the engine counts from the last start that was asked for
                restart_count=inspection.restart_count,
                oom_killed=inspection.oom_killed,
                health=inspection.health,
                detail=probe[1] or inspection.health_output,
                probe=probe[0],
            ),
        )

    def _inspect(self, target: str) -> Inspection:
        try:
            return self._engine.inspect(target)
        except NotFound:
            raise Conflict(f"container {target} went away while it was being proven") from None

    def _probe(self, policy: HealthPolicy, inspection: Inspection) -> tuple[ProbeWord, str]:
        """The outside look that the file asks for; host names left empty mean the container."""
        if inspection.state != "running" or (policy.http is None and policy.tcp is None):
            return "none", ""
        address = next(iter(inspection.addresses.values()), "127.0.0.1")
        address = f"[{address}]" if ":" in address else address
        results = []
        if policy.http is not None:
            url = policy.http.replace("://:", f"://{address}:", 1)
            results.append(self._prober.http(url, timeout=PROBE_TIMEOUT))
        if policy.tcp is not None:
            at = f"{address}{policy.tcp}" if policy.tcp.startswith(":") else policy.tcp
            results.append(self._prober.tcp(at, timeout=PROBE_TIMEOUT))
        failing = [result.detail for result in results if not result.ok]
        return ("failing", failing[0]) if failing else ("ok", results[0].detail)

    def _masked(self, text: str) -> str:
        return mask(text, self._desired.environment.sensitive)

    def _pause(self, waiting: Iterable[_Subject]) -> None:
        self._check()
        age = self._clock.monotonic() - max(each.opened for each in waiting)
        self._clock.wait(_interval(age, waiting))


def _interval(age: float, waiting: Iterable[_Subject]) -> float:
    """Seconds until the next look, `age` seconds after the last gate opened."""
    booting = any(not is_healthy(each.gate, each.samples[-1]) for each in waiting)
    if age < FIRST and booting:
        return LOOK_EVERY_FIRST
    return LOOK_EVERY if age < LATER else LOOK_EVERY_LATER


def _brief(seen: Inspection) -> str:
    return " ".join(seen.health_output.split())[:120] or "its healthcheck fails"
