"""Carry out the moves of traffic on the ingress. No opinions: the plan has chosen the track."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from moorline.adapters.ingress_port import Ingress
from moorline.adapters.ports import Clock, Engine
from moorline.agent.execution.gate import VersionFailed
from moorline.core.actions import Enter, Leave, Listen, Shift, Unlisten
from moorline.core.desired import Desired
from moorline.core.routing import ingress_address, route_for
from moorline.core.traffic import share_for
from moorline.errors import Conflict, EngineRefused

__all__ = ["Move", "Traffic"]

Move: TypeAlias = Listen | Unlisten | Enter | Leave | Shift
LOOK_EVERY = 0.1
"""Seconds between two looks at the sessions that a container still serves."""


class Traffic:
    """Moves the traffic of one desired state's services."""

    def __init__(
        self,
        engine: Engine,
        ingress: Ingress,
        clock: Clock,
        *,
        desired: Desired,
        networks: Mapping[str, str],
        check: Callable[[], None],
    ) -> None:
        """`networks` maps a key of the file to the engine's name; `check` raises to leave."""
        self._engine = engine
        self._ingress = ingress
        self._clock = clock
        self._desired = desired
        self._networks = networks
        self._check = check

    def move(self, action: Move) -> None:
        """Do one of them; raises VersionFailed where its listeners are not possible here."""
        environment = self._desired.name
        match action:
            case Listen():
                self._listen(action)
            case Unlisten():
                self._ingress.unlisten(environment, action.service)
            case Enter():
                self._enter(action)
            case Leave():
                self._leave(action)
            case Shift():
                self._ingress.shift(environment, action.service, share_for(action.track))

    def _listen(self, action: Listen) -> None:
        workload = self._desired.workload(action.service)
        route = route_for(self._desired.name, workload.service) if workload else None
        if route is None:
            raise Conflict(f"{action.service} has no listeners in this plan's file")
        try:
            self._ingress.listen(route, action.track)
        except EngineRefused as error:
            # a port that is taken, a certificate that is missing: what the version asks for
            # cannot be had, and what was there before is still in force
            raise VersionFailed(action.service, f"cannot listen: {error.message}") from None

    def _enter(self, action: Enter) -> None:
        workload = self._desired.workload(action.service)
        if workload is None:
            raise Conflict(f"{action.service} is not part of this plan's file")
        container = self._engine.inspect(action.target)
        address = ingress_address(workload.service, container.addresses, self._networks)
        if not address:
            raise Conflict(f"{action.subject} has no address: it is {container.state}")
        self._ingress.enter(
            self._desired.name,
            action.service,
            action.track,
            container=container.id,
            address=address,
        )

    def _leave(self, action: Leave) -> None:
        where = (self._desired.name, action.service, action.target)
        self._ingress.drain(*where)
        deadline = self._clock.monotonic() + action.drain_timeout
        while self._ingress.sessions(*where) and self._clock.monotonic() < deadline:
            self._check()
            self._clock.wait(LOOK_EVERY)
        self._ingress.leave(*where)
