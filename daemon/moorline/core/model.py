"""The nouns: what a file asks for, and what an engine runs.

Rule 1: everything here is a frozen value; nothing performs I/O or tells the time.
Rule 2: what the engine is asked to do is kept in the engine's own words. A `Service` carries the
        fragments `config` and `host_config` of a container-create request (Docker Engine API,
        POST /containers/create), so that no field is translated twice. Only what moorline itself
        decides on (image, order, networks, files, health) has fields of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from moorline.core.image import ImageRef
from moorline.core.strategy import Job, Recreate, Strategy
from moorline.core.traffic import IngressPolicy, Listener, ObservedRoute
from moorline.core.values import JsonObject
from moorline.core.windows import Window

__all__ = [
    "Attachment",
    "Condition",
    "Dependency",
    "Environment",
    "FileMount",
    "FileSource",
    "HealthPolicy",
    "Hook",
    "Inspection",
    "Network",
    "ObservedContainer",
    "ObservedEnvironment",
    "ObservedNetwork",
    "ObservedVolume",
    "Service",
    "Settings",
    "Volume",
]

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]
ContainerState = Literal[
    "created", "running", "paused", "restarting", "removing", "exited", "dead", "stopping"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One network that a service joins. `network` is its key in the file."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str | None = None
    ipv6_address: str | None = None
    link_local_ips: tuple[str, ...] = ()
    mac_address: str | None = None
    driver_opts: JsonObject = field(default_factory=dict)
    priority: int = 0
    """Higher joins first; the first decides the default route on older engines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One entry of `depends_on`."""

    service: str
    condition: Condition = "service_started"
    required: bool = True
    restart: bool = False
    """Restart the dependent when this dependency was replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One `post_start` or `pre_stop` command, run inside the service's container."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """Where a secret's or config's bytes come from.

    origin        value
    repository    path of a blob in the state repo, relative to its root
    host          absolute path on the host
    content       the text itself (after interpolation)
    external      a name, looked up in the host's secrets directory
    """

    kind: Literal["secret", "config"]
    key: str
    origin: Literal["repository", "host", "content", "external"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMount:
    """A secret or config as one service sees it. `target` is absolute, `mode` an octal int."""

    kind: Literal["secret", "config"]
    source: str
    target: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """`x-moorline.health`: how a service proves itself, beside its own healthcheck.

    `http` is a URL and `tcp` a `host:port`; an empty host means the container's own address.
    `deadline` and `stability` are seconds; None means the default of `core.health`.
    """

    http: str | None = None
    tcp: str | None = None
    deadline: float | None = None
    stability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One workload, validated. See the module's rule 2 for `config` and `host_config`.

    config        create-request keys outside HostConfig and NetworkingConfig: Cmd, Entrypoint,
                  Env (sorted "K=V" strings), Labels (the user's own), User, WorkingDir, Hostname,
                  Healthcheck, ExposedPorts, StopSignal, StopTimeout, Tty, OpenStdin …
                  Not Image: that is `image`.
    host_config   HostConfig: PortBindings, Mounts, Binds, Tmpfs, RestartPolicy, NanoCpus, Memory …
                  Volumes are already named as the engine knows them (`<environment>_<key>`).
                  NetworkMode only for host, none and `container:` names.
    shares        HostConfig key → service whose namespace is shared (`network_mode: service:db`
                  is {"NetworkMode": "db"}); resolved to a container id at creation.
    """

    name: str
    image: ImageRef
    config: JsonObject = field(default_factory=dict)
    host_config: JsonObject = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[Attachment, ...] = ()
    volumes: tuple[str, ...] = ()
    """Keys of the named volumes it mounts."""
    files: tuple[FileMount, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    replicas: int = 1
    container_name: str | None = None
    stop_grace_period: float = 10.0
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    health: HealthPolicy = field(default_factory=HealthPolicy)
    strategy: Strategy = field(default_factory=Recreate)
    listeners: tuple[Listener, ...] = ()
    """Ports that the ingress publishes for it; they are then not in `host_config`."""
    ingress: IngressPolicy = field(default_factory=IngressPolicy)
    shared_volumes: tuple[str, ...] = ()
    """Keys of volumes, and host paths, that two versions may write to at the same time."""
    jobs: tuple[Job, ...] = ()
    """In the order in which they run, those before and those after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network. `name` is the engine's; `body` the create request without Name."""

    key: str
    name: str
    external: bool = False
    body: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume. `name` is the engine's; `body` the create request without Name."""

    key: str
    name: str
    external: bool = False
    body: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`x-moorline` at the top of an environment file."""

    on_failure: Literal["revert", "hold"] = "revert"
    allow_empty: bool = False
    paused: bool = False
    """Nothing new is rolled out while this is so."""
    windows: tuple[Window, ...] = ()
    """When something new may be rolled out; at any time where there are none."""
    repair: bool = True
    """Whether drift is undone while a change is held back by `paused` or `windows`."""
    watch: float = 600.0
    """Seconds after a rollout within which a failure of what was proven takes it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One parsed file. Services are in file order and depend only on each other.

    `networks` and `volumes` hold what some service uses, `sensitive` the values that came from
    outside the repository by interpolation: they are masked wherever text leaves the host.
    """

    name: str
    services: tuple[Service, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    files: tuple[FileSource, ...] = ()
    settings: Settings = field(default_factory=Settings)
    sensitive: frozenset[str] = frozenset()

    def service(self, name: str) -> Service:
        """Return the service called `name`; raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedContainer:
    """One container as the engine's list call shows it, labels parsed.

    A container without our label has `spec == ""` and is foreign: never ours to touch.
    `altered` names the settings that someone changed by hand (from inspect, where it was done).
    """

    id: str
    name: str
    service: str
    number: int
    state: ContainerState
    spec: str = ""
    pin: str = ""
    commit: str = ""
    exit_code: int = 0
    health: Literal["", "starting", "healthy", "unhealthy"] = ""
    networks: frozenset[str] = frozenset()
    """Engine names of the networks it is attached to."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Network → its IP address there; only while it runs."""
    job: str = ""
    """Name of the job that it runs; "" for a service's own container."""
    host_ports: frozenset[str] = frozenset()
    """Published ports as `8080/tcp`; the host address is left out on purpose (see `plan`)."""
    shares: Mapping[str, str] = field(default_factory=dict)
    """HostConfig key → id of the container whose namespace it joined, from our label."""
    restarts: bool = False
    """Whether it was made with a restart policy other than `no`."""
    stop_grace_period: float = 10.0
    pre_stop: tuple[Hook, ...] = ()
    altered: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether moorline made it."""
        return bool(self.spec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What only an inspect call tells about one container.

    `healthcheck` is the effective one (image's and service's merged, engine words, durations in
    nanoseconds; empty when there is none), `addresses` maps network name → IP, `volumes` maps a
    mount target → the name of the volume there. `health_output` is the last check's output.
    """

    id: str
    name: str
    state: ContainerState
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    restart_count: int = 0
    started_at: str = ""
    """When it was started last, ISO 8601, by the engine's clock; empty where it never was."""
    health: Literal["", "starting", "healthy", "unhealthy"] = ""
    health_output: str = ""
    healthcheck: JsonObject = field(default_factory=dict)
    host_config: JsonObject = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedNetwork:
    """A network by name; `spec` and `environment` are our labels, "" on another tool's."""

    name: str
    spec: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedVolume:
    """A volume by name; `spec` is our label, "" on a volume that another tool made."""

    name: str
    spec: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedEnvironment:
    """One snapshot of the engine.

    `containers` are those with this environment's project label, created or not; `networks` and
    `volumes` are all of the host's; `images` holds the pins (`name@sha256:…`), out of those asked
    for, that are on the host.
    """

    containers: tuple[ObservedContainer, ...] = ()
    networks: tuple[ObservedNetwork, ...] = ()
    volumes: tuple[ObservedVolume, ...] = ()
    images: frozenset[str] = frozenset()
    routes: Mapping[str, ObservedRoute] | None = None
    """Service → its route in the ingress; None where the host has no ingress."""
