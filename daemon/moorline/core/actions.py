"""The verbs: what can be done to an engine, each with its reason.

Rule 1: one dataclass per action, and every action maps to one or two engine calls.
Rule 2: an action holds names and reasons, no secrets: its text goes to the terminal, the log and
        the record in git. What the engine is sent is looked up in `Desired` by the executor.
Rule 3: `target` is a container's id where the plan saw it, its name where the plan creates it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from moorline.core.action_base import OnContainer, Reasoned
from moorline.core.image import ImageRef
from moorline.core.model import Condition, Hook
from moorline.core.traffic_actions import (
    AdvanceCanary,
    Await,
    Enter,
    Gate,
    Leave,
    Listen,
    RemoveJob,
    RunJob,
    Shift,
    Unlisten,
)
from moorline.core.values import JsonObject, fingerprint

__all__ = [
    "Action",
    "AdvanceCanary",
    "Await",
    "Connect",
    "CreateContainer",
    "CreateNetwork",
    "CreateVolume",
    "Disconnect",
    "Enter",
    "Gate",
    "Leave",
    "Listen",
    "Plan",
    "Prove",
    "Pull",
    "Ready",
    "RemoveContainer",
    "RemoveJob",
    "RemoveNetwork",
    "RenameContainer",
    "RetireContainer",
    "RunHook",
    "RunJob",
    "SetRestartPolicy",
    "Shift",
    "StartContainer",
    "Step",
    "Unlisten",
    "UnpauseContainer",
    "WaitFor",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull(Reasoned):
    """Bring an image onto the host."""

    verb = "pull"
    image: ImageRef
    services: tuple[str, ...]
    platform: str = ""

    @property
    def subject(self) -> str:
        return ",".join(self.services)

    @property
    def detail(self) -> str:
        return str(self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork(Reasoned):
    """Create a network; `key` finds it in the environment."""

    verb = "create"
    key: str
    name: str

    @property
    def subject(self) -> str:
        return f"network {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNetwork(Reasoned):
    """Remove a network that nothing of ours uses any more."""

    verb = "remove"
    name: str

    @property
    def subject(self) -> str:
        return f"network {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume(Reasoned):
    """Create a volume. There is no action that removes one."""

    verb = "create"
    key: str
    name: str

    @property
    def subject(self) -> str:
        return f"volume {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateContainer(OnContainer):
    """Create a container under the name `target`; anonymous volumes move on from `heir_to`."""

    verb = "create"
    image: ImageRef
    networks: tuple[tuple[str, str], ...] = ()
    """(key, engine name) of every network the file has."""
    shares: tuple[tuple[str, str], ...] = ()
    """(HostConfig key, target of the container whose namespace it joins)."""
    heir_to: str | None = None

    @property
    def detail(self) -> str:
        return str(self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Reasoned):
    """The line between preparing and touching: everything before it leaves services alone."""

    verb = "ready"

    @property
    def subject(self) -> str:
        return "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireContainer(OnContainer):
    """Stop a container for good."""

    verb = "stop"
    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer(OnContainer):
    """Start a container; `restart_policy` is given back to one that was retired before."""

    verb = "start"
    restart_policy: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRestartPolicy(OnContainer):
    """Put the restart policy of a running container back to what the file says."""

    verb = "update"
    restart_policy: JsonObject

    @property
    def detail(self) -> str:
        return "restart policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpauseContainer(OnContainer):
    """Let a paused container run on."""

    verb = "unpause"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameContainer(OnContainer):
    """Give a container its settled name."""

    verb = "rename"
    name: str

    @property
    def detail(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect(OnContainer):
    """Attach a network to a running container. `network` is the engine's name."""

    verb = "connect"
    key: str
    network: str

    @property
    def detail(self) -> str:
        return self.network


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(OnContainer):
    """Detach a network that the file does not give this service."""

    verb = "disconnect"
    network: str

    @property
    def detail(self) -> str:
        return self.network


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook(OnContainer):
    """Run one `post_start` or `pre_stop` command inside a container."""

    verb = "run"
    hook: Hook

    @property
    def detail(self) -> str:
        # the program only: arguments may carry what is nobody's business
        return self.hook.command[0] if self.hook.command else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor(Reasoned):
    """Wait until a service meets a dependent's condition."""

    verb = "wait"
    service: str
    condition: Condition

    @property
    def subject(self) -> str:
        return self.service

    @property
    def detail(self) -> str:
        return self.condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Prove(Reasoned):
    """Hold every changed service against its health gate and stability window."""

    verb = "prove"
    services: tuple[str, ...]

    @property
    def subject(self) -> str:
        return ",".join(self.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer(OnContainer):
    """Remove a container whose place is taken."""

    verb = "remove"


Action: TypeAlias = (
    Pull
    | CreateNetwork
    | RemoveNetwork
    | CreateVolume
    | CreateContainer
    | Ready
    | RetireContainer
    | StartContainer
    | SetRestartPolicy
    | UnpauseContainer
    | RenameContainer
    | Connect
    | Disconnect
    | RunHook
    | WaitFor
    | Prove
    | RemoveContainer
    | Await
    | Gate
    | RunJob
    | RemoveJob
    | Listen
    | Unlisten
    | Enter
    | Leave
    | Shift
    | AdvanceCanary
)


@dataclass(frozen=True, slots=True)
class Step:
    """An action and the numbers of the earlier steps that it needs done."""

    action: Action
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps. Each step only needs earlier ones, so running them in order is correct,
    and running independent ones at once is too.
    """

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Action]:
        return (step.action for step in self.steps)

    def render(self) -> str:
        """One line per action, aligned: verb, subject, detail, reason."""
        rows = [(each.verb, each.subject, each.detail, each.why) for each in self]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        return "\n".join(
            "  ".join(
                (*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]),
            ).rstrip()
            for row in rows
        )

    def as_data(self) -> list[dict[str, str]]:
        """The same for machines; the keys are stable."""
        return [
            {"do": each.verb, "what": each.subject, "detail": each.detail, "why": each.why}
            for each in self
        ]

    def digest(self) -> str:
        """A fingerprint of the plan as it reads: equal plans, equal digests."""
        return fingerprint(self.as_data())
