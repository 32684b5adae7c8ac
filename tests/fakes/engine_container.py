"""One container of the fake engine: what it was asked for, how it behaves, how it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from moorline.core.model import ContainerState

IMAGE_CHECK = {
    "Test": ["CMD-SHELL", "true"],
    "Interval": 1_000_000_000,
    "Timeout": 2_000_000_000,
    "Retries": 3,
}


Behaviour: TypeAlias = Literal["runs", "healthy", "unhealthy", "exits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How containers of an image behave.

    runs        stays up; a healthcheck that the service brings along succeeds
    healthy     the same, and the image has a healthcheck
    unhealthy   stays up, and the image's healthcheck fails
    exits       ends with `exit_code`: a crash loop where the restart policy says so

    Verdict and exit come with the look number `after` after a start; a look is an inspect or
    observe call, since a fake has no clock.
    """

    behaviour: Behaviour = "runs"
    after: int = 0
    exit_code: int = 3
    logs: tuple[str, ...] = ("started",)


@dataclass(slots=True, kw_only=True)
class FakeContainer:
    """A container's state; the engine's rules are in `FakeEngine`."""

    id: str
    name: str
    body: Mapping[str, Any]
    script: Script
    host_config: dict[str, Any]
    endpoints: dict[str, Mapping[str, Any]]
    state: ContainerState = "created"
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: str = ""
    restart_count: int = 0
    looks: int = 0
    started: bool = field(default=False)

    @property
    def labels(self) -> Mapping[str, str]:
        return self.body.get("Labels") or {}

    @property
    def image(self) -> str:
        return str(self.body["Image"])

    @property
    def project(self) -> str:
        return self.labels.get("com.docker.compose.project", "")

    @property
    def up(self) -> bool:
        return self.state in {"running", "paused"}

    @property
    def restarts(self) -> bool:
        """Whether the policy starts it again after the exit that its script makes."""
        policy = (self.host_config.get("RestartPolicy") or {}).get("Name") or "no"
        return policy in {"always", "unless-stopped"} or (
            policy == "on-failure" and self.script.exit_code != 0
        )

    @property
    def ports(self) -> frozenset[str]:
        """Host ports that it holds while it is up, as `8080/tcp`."""
        bindings = self.host_config.get("PortBindings") or {}
        return frozenset(
            f"{each['HostPort']}/{port.partition('/')[2] or 'tcp'}"
            for port, published in bindings.items()
            for each in published or ()
            if each.get("HostPort") not in {None, "", "0"}
        )

    @property
    def healthcheck(self) -> Mapping[str, Any]:
        """The service's check over the image's."""
        image = IMAGE_CHECK if self.script.behaviour in {"healthy", "unhealthy"} else {}
        return {**image, **(self.body.get("Healthcheck") or {})}

    @property
    def health(self) -> str:
        if not self.started or (self.healthcheck.get("Test") or ["NONE"]) == ["NONE"]:
            return ""
        if not self.up or self.looks < self.script.after:
            return "starting"
        return "unhealthy" if self.script.behaviour == "unhealthy" else "healthy"

    def status(self) -> str:
        """The text of the list call."""
        if self.state == "created":
            return "Created"
        if self.state in {"exited", "restarting"}:
            return f"{self.state.capitalize()} ({self.exit_code}) 1 second ago"
        if self.state == "paused":
            return "Up 1 second (Paused)"
        note = {"": "", "starting": " (health: starting)"}.get(self.health, f" ({self.health})")
        return f"Up 1 second{note}"

    def entry(self) -> Mapping[str, Any]:
        """Its entry in the answer to the list call."""
        ports = [port.split("/") for port in sorted(self.ports)] if self.up else []
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Labels": self.labels,
            "State": self.state,
            "Status": self.status(),
            "Ports": [{"PublicPort": int(number), "Type": kind} for number, kind in ports],
            "NetworkSettings": {"Networks": self._networks()},
        }

    def answer(self) -> Mapping[str, Any]:
        """The answer to an inspect call."""
        health = {"Status": self.health, "Log": [{"Output": f"fake: {self.health}"}]}
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "RestartCount": self.restart_count,
            "State": {
                "Status": self.state,
                "ExitCode": self.exit_code,
                "Error": self.error,
                "OOMKilled": self.oom_killed,
                "StartedAt": self.started_at,
                **({"Health": health} if self.health else {}),
            },
            "Config": {"Healthcheck": self.healthcheck, "Labels": self.labels},
            "HostConfig": self.host_config,
            "NetworkSettings": {"Networks": self._networks()},
            "Mounts": self._mounts(),
        }

    def volumes(self) -> Mapping[str, str]:
        """Target → name of the named volumes that it mounts."""
        mounts = self.host_config.get("Mounts") or ()
        return {at["Target"]: at["Source"] for at in mounts if at["Type"] == "volume"}

    def _networks(self) -> Mapping[str, Any]:
        # every container has an address of its own, and host networking none
        last = int(self.id[-4:], 16)
        addresses = {
            name: f"10.{number}.{last // 256}.{last % 256}"
            for number, name in enumerate(self.endpoints)
            if self.up and name not in {"host", "none"}
        }
        return {name: {"IPAddress": addresses.get(name, "")} for name in self.endpoints}

    def _mounts(self) -> list[Mapping[str, str]]:
        return [
            {"Type": "volume", "Destination": target, "Name": name}
            for target, name in self.volumes().items()
        ]
