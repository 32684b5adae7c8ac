"""From a parsed file to what the engine should run: specs, order, names.

A spec is a fingerprint over everything that would need a new container to change: image digest,
create request, networks, contents of secrets and configs, and the specs of the services whose
namespaces it shares. Equal specs mean "the same container will do". Specs stay on the host (in
labels and the state directory) and never enter a record: their input includes secrets.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from moorline.core.model import Attachment, Environment, FileMount, Network, Service, Volume
from moorline.core.strategy import BlueGreen, Canary
from moorline.core.values import Json, JsonObject, fingerprint

__all__ = [
    "Desired",
    "StoredFile",
    "Workload",
    "build_desired",
    "container_name",
    "mounted_targets",
    "resource_spec",
    "restarts_by_itself",
    "with_specs",
]

SHORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A secret's or config's content as it lies on the host: a keyed version and a path."""

    version: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A service together with the spec of its containers and the mounts of its files."""

    service: Service
    spec: str
    mounts: tuple[JsonObject, ...] = ()

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """An environment at one commit. `workloads` are in start order, dependencies first."""

    environment: Environment
    commit: str
    blob: str
    workloads: tuple[Workload, ...]

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    @property
    def specs(self) -> frozenset[str]:
        """The specs of every workload."""
        return frozenset(workload.spec for workload in self.workloads)

    @property
    def pins(self) -> dict[str, str]:
        """Service → `name@digest`."""
        return {workload.name: workload.service.image.pin for workload in self.workloads}

    @property
    def images(self) -> frozenset[str]:
        """Pins of everything that it runs, jobs included."""
        jobs = (job.image.pin for each in self.workloads for job in each.service.jobs)
        return frozenset((*self.pins.values(), *jobs))

    def moves_beside(self, service: str) -> bool:
        """Whether its new version starts beside the old one: so says its strategy, or that of
        the one whose namespace it lives in.
        """
        workload = self.workload(service)
        if workload is None:
            return False
        if isinstance(workload.service.strategy, BlueGreen | Canary):
            return True
        return any(self.moves_beside(owner) for owner in workload.service.shares.values())

    def workload(self, service: str) -> Workload | None:
        """The workload of `service`, or None where the file has no such service."""
        return next((each for each in self.workloads if each.name == service), None)

    def awaited_to_complete(self, service: str) -> bool:
        """Whether some service waits for this one to exit with success: then it is a job."""
        return any(
            dependency.service == service
            and dependency.condition == "service_completed_successfully"
            for other in self.environment.services
            for dependency in other.depends_on
        )


def with_specs(desired: Desired, specs: Mapping[str, str]) -> Desired:
    """The same, with the specs that its containers carried when it was proven.

    Going back means those very containers, even where a secret of the host, or the way in which
    specs are computed, has changed since.
    """
    workloads = (
        replace(workload, spec=specs.get(workload.name, workload.spec))
        for workload in desired.workloads
    )
    return replace(desired, workloads=tuple(workloads))


def container_name(environment: str, service: Service, number: int) -> str:
    """The name that a settled container carries: `container_name`, else as Compose names it."""
    return service.container_name or f"{environment}-{service.name}-{number}"


def mounted_targets(workload: Workload) -> frozenset[str]:
    """Paths inside the container that the file mounts something named at."""
    host = workload.service.host_config
    mounts = [*_sequence(host.get("Mounts")), *workload.mounts]
    named = (each for each in mounts if isinstance(each, Mapping) and each.get("Source"))
    binds = (str(each).split(":") for each in _sequence(host.get("Binds")))
    tmpfs = host.get("Tmpfs")
    return frozenset(
        (
            *(str(mount.get("Target")) for mount in named),
            *(parts[1] for parts in binds if len(parts) > 1),
            *(tmpfs if isinstance(tmpfs, Mapping) else ()),
        ),
    )


def restarts_by_itself(service: Service) -> bool:
    """Whether the engine starts its containers again, after an exit or its own restart."""
    policy = service.host_config.get("RestartPolicy")
    name = policy.get("Name") if isinstance(policy, Mapping) else None
    return name not in {None, "", "no"}


def resource_spec(resource: Network | Volume) -> str:
    """The spec of a network or volume: what cannot change without making it anew."""
    return fingerprint(resource.body)


def build_desired(
    environment: Environment,
    *,
    commit: str,
    blob: str,
    files: Mapping[FileMount, StoredFile],
) -> Desired:
    """Combine a file with the stored contents of its secrets and configs.

    `files` has an entry for every file that a service mounts (KeyError otherwise: the caller
    stores them first).
    """
    networks = {network.key: network for network in environment.networks}
    workloads: dict[str, Workload] = {}
    for service in start_order(environment.services):
        stored = [(mount, files[mount]) for mount in service.files]
        spec = fingerprint(
            {
                # two services may say the same; each is proven for itself
                "service": service.name,
                "image": service.image.pin,
                "config": service.config,
                "host_config": service.host_config,
                "container_name": service.container_name,
                "networks": [_attachment(each, networks) for each in service.networks],
                "files": [[asdict(mount), each.version] for mount, each in stored],
                "shares": {key: workloads[name].spec for key, name in service.shares.items()},
                "post_start": [asdict(hook) for hook in service.post_start],
                "pre_stop": [asdict(hook) for hook in service.pre_stop],
                "stop_grace_period": service.stop_grace_period,
            },
        )
        mounts = tuple(_mount(mount, each) for mount, each in stored)
        workloads[service.name] = Workload(service=service, spec=spec, mounts=mounts)
    return Desired(
        environment=environment,
        commit=commit,
        blob=blob,
        workloads=tuple(workloads.values()),
    )


def start_order(services: Iterable[Service]) -> tuple[Service, ...]:
    """Dependencies and namespace owners first, otherwise in file order; cycles are refused
    by the parser and would raise RecursionError here.
    """
    by_name = {service.name: service for service in services}
    ordered: dict[str, Service] = {}

    def visit(service: Service) -> None:
        if service.name in ordered:
            return
        for name in predecessors(service):
            if name in by_name:
                visit(by_name[name])
        ordered[service.name] = service

    for service in by_name.values():
        visit(service)
    return tuple(ordered.values())


def predecessors(service: Service) -> tuple[str, ...]:
    """Names of the services that come before this one."""
    depended = (dependency.service for dependency in service.depends_on)
    return tuple(dict.fromkeys((*depended, *service.shares.values())))


def _sequence(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _attachment(attachment: Attachment, networks: Mapping[str, Network]) -> Json:
    network = networks[attachment.network]
    return [asdict(attachment), network.name, resource_spec(network)]


def _mount(mount: FileMount, stored: StoredFile) -> JsonObject:
    return {"Type": "bind", "Source": stored.path, "Target": mount.target, "ReadOnly": True}
