"""Run a job to its end: find or make its container, start it, wait, and judge its exit.

Rule 1: a run that is under way is never started a second time. Whoever was killed while it ran
        finds its container by name, and goes on waiting or reads the result.
Rule 2: a job that runs is not left for a newer commit: half a migration helps nobody. The daemon's
        own stop leaves it to run on by itself.
"""

from collections.abc import Callable
from contextlib import suppress

from moorline.adapters.ports import Clock, Engine
from moorline.agent.execution.gate import VersionFailed
from moorline.agent.execution.notes import Notes
from moorline.agent.report import Reporter
from moorline.core.actions import RunJob
from moorline.core.container import create_body, endpoints, with_network_names
from moorline.core.desired import Desired, Workload
from moorline.core.jobs import find_job, job_service, job_spec
from moorline.core.labels import JOB, SPEC, Retirement, container_labels
from moorline.core.model import Inspection
from moorline.core.records import mask, masked_logs
from moorline.core.strategy import Job
from moorline.core.values import JsonObject
from moorline.errors import Conflict, EngineRefused, NotFound, Superseded

__all__ = ["JobRunner"]

LOOK_EVERY = 0.1
LOOK_EVERY_LATER = 0.5
LATER = 15.0
LOG_LINES = 50
ENDED = frozenset({"exited", "dead"})


class JobRunner:
    """Runs the jobs of one desired state."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        reporter: Reporter,
        *,
        desired: Desired,
        notes: Notes,
        check: Callable[[], None],
    ) -> None:
        """`check` runs between looks and raises to leave."""
        self._engine = engine
        self._clock = clock
        self._reporter = reporter
        self._desired = desired
        self._notes = notes
        self._check = check

    def run(self, action: RunJob) -> None:
        """Return once the job ended with success; raises VersionFailed where it did not."""
        workload = self._desired.workload(action.service)
        job = find_job(workload.service, action.job) if workload else None
        if workload is None or job is None:
            raise Conflict(f"{action.service} has no job {action.job} in this plan's file")
        if job.forward_only:
            self._notes.forward_only(workload.name, job.name)
        container = self._find(action, workload, job) or self._create(action, workload, job)
        if container.state == "created":
            self._start(action, workload, job, container)
        if container.state in ENDED:
            # in an attempt that was cut off before it could say how long it took
            self._judge(workload, job, container, seconds=None)
            return
        began = self._clock.monotonic()
        ended = self._wait(workload, job, container.id)
        self._judge(workload, job, ended, seconds=self._clock.monotonic() - began)

    # --- the container ---

    def _find(self, action: RunJob, workload: Workload, job: Job) -> Inspection | None:
        """The container that an earlier attempt made."""
        try:
            found = self._engine.inspect(action.target)
        except NotFound:
            return None
        spec = found.labels.get(SPEC)
        if spec == job_spec(workload, job):
            return found
        if not spec or found.labels.get(JOB) != job.name:
            mend = f"rename or remove it: docker rename {action.target} NEW-NAME"
            raise Conflict(f"another container is called {action.target}", mend=mend)
        if found.state not in {"created", *ENDED}:
            raise Conflict(f"{action.target} still runs with other settings")
        # the same commit with other values of the host: that run says nothing about this one
        self._engine.remove(found.id)
        return None

    def _create(self, action: RunJob, workload: Workload, job: Job) -> Inspection:
        environment = with_network_names(self._desired.environment, dict(action.networks))
        service = job_service(workload.service, job)
        shares = {key: self._engine.inspect(target).id for key, target in action.shares}
        labels = container_labels(
            environment=environment.name,
            service=service.name,
            number=1,
            commit=self._desired.commit,
            spec=job_spec(workload, job),
            pin=job.image.pin,
            retirement=Retirement(restarts=False, grace=service.stop_grace_period),
            shares=shares,
            job=job.name,
        )
        body = create_body(
            environment,
            service,
            labels=labels,
            shares={key: f"container:{owner}" for key, owner in shares.items()},
            mounts=workload.mounts,
            named=False,
        )
        return self._engine.inspect(self._engine.create_container(action.target, body))

    def _start(self, action: RunJob, workload: Workload, job: Job, container: Inspection) -> None:
        environment = with_network_names(self._desired.environment, dict(action.networks))
        service = job_service(workload.service, job)
        for network, endpoint in endpoints(environment, service, number=1, named=False)[1:]:
            self._engine.connect(network, container.id, endpoint)
        try:
            self._engine.start(container.id)
        except EngineRefused as error:
            reason = f"job {job.name} cannot start: {error.message}"
            raise VersionFailed(workload.name, reason) from None

    # --- its run ---

    def _wait(self, workload: Workload, job: Job, container: str) -> Inspection:
        """Look until it has ended. The timeout begins anew when a restart finds it running."""
        began = self._clock.monotonic()
        news: Superseded | None = None
        while (found := self._engine.inspect(container)).state not in ENDED:
            waited = self._clock.monotonic() - began
            if waited >= job.timeout:
                self._give_up(workload, job, found, waited)
            news = news or self._newer()
            self._clock.wait(LOOK_EVERY if waited < LATER else LOOK_EVERY_LATER)
        if news is not None and found.exit_code == 0:
            self._record(workload, job, found, seconds=self._clock.monotonic() - began)
            raise news
        return found

    def _newer(self) -> Superseded | None:
        try:
            self._check()
        except Superseded as news:
            return news
        return None

    def _give_up(self, workload: Workload, job: Job, found: Inspection, seconds: float) -> None:
        self._engine.stop(found.id, grace=workload.service.stop_grace_period)
        last = self._record(workload, job, found, seconds=seconds)
        reason = f"job {job.name} did not end within {job.timeout:g} s and was stopped{last}"
        raise VersionFailed(workload.name, reason)

    def _judge(
        self, workload: Workload, job: Job, ended: Inspection, *, seconds: float | None
    ) -> None:
        last = self._record(workload, job, ended, seconds=seconds)
        if ended.exit_code == 0 and not ended.oom_killed:
            return
        memory = ", out of memory" if ended.oom_killed else ""
        reason = f"job {job.name} exited with {ended.exit_code}{memory}{last}"
        raise VersionFailed(workload.name, reason)

    def _record(
        self, workload: Workload, job: Job, found: Inspection, *, seconds: float | None
    ) -> str:
        """Note the evidence; returns the last line of the log as the end of a sentence."""
        lines: tuple[str, ...] = ()
        with suppress(NotFound, EngineRefused):  # a logging driver that cannot be read
            lines = self._engine.logs(found.id, lines=LOG_LINES)
        sensitive = self._desired.environment.sensitive
        logs = masked_logs(lines, sensitive)
        self._notes.job(workload.name, _evidence(job, found, seconds, logs))
        self._reporter.note("job ended", service=workload.name, job=job.name, **_brief(found))
        return f": {mask(logs[-1].strip(), sensitive)[:200]}" if logs else ""


def _evidence(
    job: Job, found: Inspection, seconds: float | None, logs: tuple[str, ...]
) -> JsonObject:
    return {
        "job": job.name,
        "when": job.when,
        "image": job.image.pin,
        **({"exit_code": found.exit_code} if found.state in ENDED else {}),
        **({} if seconds is None else {"seconds": round(seconds, 3)}),
        "logs": list(logs),
    }


def _brief(found: Inspection) -> dict[str, object]:
    return {"exit_code": found.exit_code} if found.state in ENDED else {"state": found.state}
