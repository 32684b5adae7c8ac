"""Carry out actions on an engine. No opinions: each arm is one or two calls.

What an arm may not do: look at other containers and choose. That is the plan's job.
"""

from collections.abc import Callable
from contextlib import suppress

from moorline.adapters.ports import Clock, Engine
from moorline.agent.execution.canary import CanaryDriver
from moorline.agent.execution.gate import Gatekeeper, VersionFailed
from moorline.agent.execution.jobs import JobRunner
from moorline.agent.execution.traffic import Traffic
from moorline.agent.report import Reporter
from moorline.core.actions import (
    Action,
    AdvanceCanary,
    Await,
    Connect,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Disconnect,
    Enter,
    Gate,
    Leave,
    Listen,
    Prove,
    Pull,
    Ready,
    RemoveContainer,
    RemoveJob,
    RemoveNetwork,
    RenameContainer,
    RetireContainer,
    RunHook,
    RunJob,
    SetRestartPolicy,
    Shift,
    StartContainer,
    Unlisten,
    UnpauseContainer,
    WaitFor,
)
from moorline.core.container import (
    create_body,
    endpoints,
    network_body,
    volume_body,
    with_network_names,
)
from moorline.core.desired import (
    Desired,
    Workload,
    mounted_targets,
    resource_spec,
    restarts_by_itself,
)
from moorline.core.image import ImageRef
from moorline.core.labels import SPEC, Retirement, container_labels, resource_labels
from moorline.core.records import mask
from moorline.core.values import JsonObject
from moorline.errors import Conflict, EngineRefused, MoorlineError, NotFound

__all__ = ["Executor"]

ANONYMOUS = 64
"""Length of the engine's names for volumes that nobody named."""


class Executor:
    """Performs the actions of plans for one desired state."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        reporter: Reporter,
        *,
        desired: Desired,
        gatekeeper: Gatekeeper,
        traffic: Traffic,
        jobs: JobRunner,
        canary: CanaryDriver,
        before_pull: Callable[[ImageRef], None],
        on_ready: Callable[[], None],
        on_proven: Callable[[], None],
    ) -> None:
        """`before_pull` may refuse a pull; `on_ready` runs before the first touch, and
        `on_proven` before anything is removed.
        """
        self._engine = engine
        self._clock = clock
        self._reporter = reporter
        self._desired = desired
        self._gatekeeper = gatekeeper
        self._traffic = traffic
        self._jobs = jobs
        self._canary = canary
        self._before_pull = before_pull
        self._on_ready = on_ready
        self._on_proven = on_proven

    def perform(self, action: Action) -> None:
        """Do one action, telling the reporter."""
        if isinstance(action, AdvanceCanary):
            # looked at every second for minutes to days: it tells itself when something happens
            self._do_or_look_again(action)
            return
        began = self._clock.monotonic()
        self._reporter.step_begins(action)
        error = "interrupted"
        try:
            self._do_or_look_again(action)
            error = ""
        except (MoorlineError, VersionFailed) as failure:
            error = str(failure)
            raise
        finally:
            seconds = self._clock.monotonic() - began
            self._reporter.step_ends(action, seconds=seconds, error=error)

    def _do_or_look_again(self, action: Action) -> None:
        try:
            self._do(action)
        except NotFound as gone:
            if isinstance(action, Pull):
                raise
            # a container, network or image that the plan saw is gone: the plan is out of date
            raise Conflict(gone.message, mend=gone.mend) from None

    def _do(self, action: Action) -> None:  # noqa: C901, PLR0912  (one arm per action, no more)
        engine = self._engine
        match action:
            case Pull():
                self._pull(action)
            case CreateNetwork():
                self._create_network(action)
            case RemoveNetwork():
                engine.remove_network(action.name)
            case CreateVolume():
                self._create_volume(action)
            case CreateContainer():
                self._create_container(action)
            case Ready():
                self._on_ready()
            case RetireContainer():
                engine.stop(action.target, grace=action.grace)
            case StartContainer():
                if action.restart_policy is not None:
                    engine.set_restart_policy(action.target, action.restart_policy)
                self._start(action.service, action.target)
            case SetRestartPolicy():
                engine.set_restart_policy(action.target, action.restart_policy)
            case UnpauseContainer():
                engine.unpause(action.target)
            case RenameContainer():
                engine.rename(action.target, action.name)
            case Connect():
                # an endpoint of a network that was made anew is there and not there
                engine.disconnect(action.network, action.target)
                self._connect(action)
            case Disconnect():
                engine.disconnect(action.network, action.target)
            case RunHook():
                self._run_hook(action)
            case WaitFor():
                self._gatekeeper.wait_for(action.service, action.condition)
            case Prove():
                self._gatekeeper.prove(action.services)
                self._on_proven()
            case RemoveContainer() | RemoveJob():
                engine.remove(action.target)
            case Await():
                self._gatekeeper.wait_for(action.service, "service_healthy", number=action.number)
            case Gate():
                self._gatekeeper.prove((action.service,))
            case RunJob():
                self._jobs.run(action)
            case AdvanceCanary():
                self._canary.advance(action)
            case Listen() | Unlisten() | Enter() | Leave() | Shift():
                self._traffic.move(action)

    def _pull(self, action: Pull) -> None:
        self._before_pull(action.image)
        self._engine.pull(
            action.image,
            lambda progress: self._reporter.pulled(action.services, progress),
            platform=action.platform,
        )

    def _create_network(self, action: CreateNetwork) -> None:
        environment = self._desired.environment
        network = next(each for each in environment.networks if each.key == action.key)
        labels = resource_labels(environment.name, resource_spec(network))
        with suppress(Conflict):  # made by the attempt before this one
            self._engine.create_network(
                action.name, network_body(environment, network, labels=labels)
            )

    def _create_volume(self, action: CreateVolume) -> None:
        environment = self._desired.environment
        volume = next(each for each in environment.volumes if each.key == action.key)
        labels = resource_labels(environment.name, resource_spec(volume))
        self._engine.create_volume(action.name, volume_body(environment, volume, labels=labels))

    def _create_container(self, action: CreateContainer) -> None:
        workload = self._workload(action.service)
        environment = with_network_names(self._desired.environment, dict(action.networks))
        shares = {key: self._engine.inspect(target).id for key, target in action.shares}
        service = workload.service
        body = create_body(
            environment,
            service,
            labels=container_labels(
                environment=environment.name,
                service=service.name,
                number=action.number,
                commit=self._desired.commit,
                spec=workload.spec,
                pin=service.image.pin,
                retirement=Retirement(
                    restarts=restarts_by_itself(service),
                    grace=service.stop_grace_period,
                    pre_stop=service.pre_stop,
                ),
                shares=shares,
            ),
            shares={key: f"container:{owner}" for key, owner in shares.items()},
            mounts=[*workload.mounts, *self._inherited(action, workload)],
        )
        try:
            container = self._engine.create_container(action.target, body)
        except Conflict:
            container = self._created_before(action, workload)
        for network, endpoint in endpoints(environment, service, number=action.number)[1:]:
            self._engine.connect(network, container, endpoint)

    def _created_before(self, action: CreateContainer, workload: Workload) -> str:
        """The container that has the name already, if an earlier attempt of ours made it."""
        found = self._engine.inspect(action.target)
        if found.labels.get(SPEC) != workload.spec:
            mend = f"rename or remove it: docker rename {action.target} NEW-NAME"
            raise Conflict(f"another container is called {action.target}", mend=mend)
        return found.id

    def _inherited(self, action: CreateContainer, workload: Workload) -> list[JsonObject]:
        """Anonymous volumes of the container that is replaced, at the same places.

        A volume that the image declares and nobody named would start empty in the successor: the
        data would be gone for whoever looks into it.
        """
        if action.heir_to is None:
            return []
        taken = mounted_targets(workload)
        return [
            {"Type": "volume", "Source": name, "Target": target}
            for target, name in sorted(self._engine.inspect(action.heir_to).volumes.items())
            if len(name) == ANONYMOUS and target not in taken
        ]

    def _connect(self, action: Connect) -> None:
        service = self._workload(action.service).service
        environment = with_network_names(self._desired.environment, {action.key: action.network})
        for network, endpoint in endpoints(environment, service, number=action.number):
            if network == action.network:
                self._engine.connect(network, action.target, endpoint)

    def _start(self, service: str, target: str) -> None:
        try:
            self._engine.start(target)
        except EngineRefused as error:
            # the request was fine a moment ago when it was created: what cannot start is the
            # version, or its place (a port that is taken), and the old one had both
            raise VersionFailed(service, f"cannot start: {error.message}") from None

    def _run_hook(self, action: RunHook) -> None:
        code, output = self._engine.run_hook(action.target, action.hook)
        if code != 0 and action.why == "post_start":
            line = mask(" ".join(output.split())[-200:], self._desired.environment.sensitive)
            raise VersionFailed(action.service, f"post_start hook exited with {code}: {line}")
        if code != 0:
            # a container on its way out is not kept for a hook that fails
            self._reporter.note("pre_stop hook failed", service=action.service, exit_code=code)

    def _workload(self, service: str) -> Workload:
        workload = self._desired.workload(service)
        if workload is None:
            raise Conflict(f"{service} is not part of this plan's file")
        return workload
