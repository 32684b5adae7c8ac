"""Which strategies a service can use, and what is against the others.

Two versions side by side must not need the same thing: a port that is not the ingress's, an
address, a namespace, data. What cannot be seen in the file is not judged.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from moorline.core.compose.bindings import Binding, bindings, listener, mounted, publishes
from moorline.core.compose.strategy import STRATEGIES
from moorline.core.model import Attachment, Environment, Network, Service, Volume
from moorline.core.strategy import BlueGreen, Canary, Recreate, Rolling

__all__ = ["Around", "Choice", "against", "against_company", "choices"]

# Containers on these have no address that the host itself can reach.
_OUT_OF_REACH = ("macvlan", "ipvlan", "overlay")


@dataclass(frozen=True, slots=True)
class Around:
    """What a service is judged among: services by name, networks and volumes by key."""

    services: Mapping[str, Service]
    networks: Mapping[str, Network]
    volumes: Mapping[str, Volume]
    awaited: Mapping[str, str]
    """Service → one that waits for it to complete."""

    @classmethod
    def of(
        cls,
        services: Iterable[Service],
        networks: Mapping[str, Network],
        volumes: Mapping[str, Volume],
    ) -> "Around":
        """Look at the services once, however many are judged."""
        by_name = {service.name: service for service in services}
        awaited = {
            need.service: service.name
            for service in by_name.values()
            for need in service.depends_on
            if need.condition == "service_completed_successfully"
        }
        return cls(by_name, networks, volumes, awaited)


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy of a service, and the reasons against each; none where it is possible."""

    service: str
    strategy: str
    against: Mapping[str, tuple[str, ...]]


def choices(environment: Environment) -> tuple[Choice, ...]:
    """What each service of a valid file could use."""
    around = Around.of(
        environment.services,
        {each.key: each for each in environment.networks},
        {each.key: each for each in environment.volumes},
    )
    return tuple(
        Choice(
            service.name,
            service.strategy.name,
            {name: against(name, service, around) for name in STRATEGIES},
        )
        for service in environment.services
    )


def against(strategy: str, service: Service, around: Around) -> tuple[str, ...]:
    """Why `service` cannot use a strategy; its own numbers count where they are for that one."""
    return tuple(dict.fromkeys(_against(strategy, service, around)))


def _against(strategy: str, service: Service, around: Around) -> Iterator[str]:
    if strategy == Recreate.name:
        return _against_recreate(service)
    if strategy == Rolling.name:
        own = service.strategy
        return _against_rolling(service, own if isinstance(own, Rolling) else Rolling(), around)
    return _against_beside(service, around)


def against_company(service: Service, around: Around) -> Iterator[tuple[Service, str]]:
    """Why a service cannot move with one whose namespace it shares: (that one, reason)."""
    for owner in _owners(service, around):
        if isinstance(owner.strategy, BlueGreen | Canary):
            yield from ((owner, reason) for reason in _against_company(service, around))


def _against_company(service: Service, around: Around) -> Iterator[str]:
    if publishes(service.host_config):
        yield "it publishes a port, which two containers cannot have"
    yield from _addresses(service)
    yield from _data(service, around)


def _owners(service: Service, around: Around) -> Iterator[Service]:
    """Those whose namespaces it lives in, directly or through others."""
    seen: set[str] = set()
    waiting = list(service.shares.values())
    while waiting:
        name = waiting.pop()
        owner = around.services.get(name)
        if owner is not None and name not in seen:
            yield owner
            waiting.extend(owner.shares.values())
        seen.add(name)


# --- one strategy each ---------------------------------------------------------------------------


def _against_recreate(service: Service) -> Iterator[str]:
    fixed = [str(each.host_port) for each in service.listeners]
    if service.replicas > 1 and fixed:
        yield f"{service.replicas} containers cannot share port {fixed[0]} of the host"


def _against_rolling(service: Service, numbers: Rolling, around: Around) -> Iterator[str]:
    yield from _ports(service)
    yield from _reach(service, around)
    yield from _shares(service)
    yield from _completion(service, around)
    if numbers.max_surge:
        mend = "; rolling: {max_surge: 0, max_unavailable: 1} needs no second one"
        yield from (f"{reason}{mend}" for reason in _addresses(service))
    if numbers.max_surge or service.replicas > 1:
        yield from _data(service, around)


def _against_beside(service: Service, around: Around) -> Iterator[str]:
    if not service.listeners and not publishes(service.host_config):
        yield "it publishes no port, and only what comes in by one can be moved"
    mode = service.host_config.get("NetworkMode", "bridge")
    if mode != "bridge":
        yield f"with network_mode {mode} it has no address of its own for the ingress to use"
    yield from _ports(service)
    yield from _reach(service, around)
    yield from _shares(service)
    yield from _completion(service, around)
    yield from _addresses(service)
    yield from _data(service, around)


# --- one reason each -----------------------------------------------------------------------------


def _ports(service: Service) -> Iterator[str]:
    """The ingress carries TCP, at a port that the file names."""
    for binding in bindings(service.host_config):
        if listener(binding, {}) is None:
            yield _port(binding)


def _port(binding: Binding) -> str:
    port = f"{binding.port}/{binding.protocol}"
    if binding.protocol != "tcp":
        return f"port {port} is not TCP, and the ingress carries nothing else"
    if not binding.host_port:
        return (
            f"port {port} has no fixed port of the host; write one, such as "
            f"{binding.port}:{binding.port}"
        )
    return f"port {port} has any port of {binding.host_port}; write one"


def _reach(service: Service, around: Around) -> Iterator[str]:
    """Requests are sent to the address in the network that is joined first."""
    if not service.listeners and not publishes(service.host_config):
        return
    ordered = sorted(service.networks, key=lambda each: (-each.priority, each.network))
    for first in ordered[:1]:
        network = around.networks.get(first.network)
        driver = network.body.get("Driver") if network else None
        if driver in _OUT_OF_REACH:
            yield f"the host cannot reach containers in '{first.network}', which is a {driver}"


def _shares(service: Service) -> Iterator[str]:
    for name in sorted(set(service.shares.values())):
        yield f"it lives in a namespace of '{name}', and is replaced together with it"


def _completion(service: Service, around: Around) -> Iterator[str]:
    if service.name in around.awaited:
        waiting = around.awaited[service.name]
        yield f"'{waiting}' waits for it to complete: it ends by itself"


def _addresses(service: Service) -> Iterator[str]:
    """What only one container at a time can have."""
    if "MacAddress" in service.config:
        yield f"mac_address {service.config['MacAddress']} is for one container at a time"
    for attachment in service.networks:
        for address in _fixed(attachment):
            yield f"{address} in network '{attachment.network}' is for one container at a time"


def _fixed(attachment: Attachment) -> Iterable[str]:
    single = (attachment.ipv4_address, attachment.ipv6_address, attachment.mac_address)
    return (*(each for each in single if each), *attachment.link_local_ips)


def _data(service: Service, around: Around) -> Iterator[str]:
    """Two versions do not write to the same data unless the file says that they may."""
    names = {around.volumes[key].name: key for key in service.volumes if key in around.volumes}
    shared = frozenset(service.shared_volumes)
    for mount in mounted(service.host_config):
        key = names.get(mount.source, mount.source)
        if not mount.writable or key in shared:
            continue
        if not key:
            yield (
                f"the unnamed volume at {mount.target} goes from the old container to the new "
                "one; name it, or use tmpfs"
            )
        else:
            yield (
                f"two versions would write to '{key}' at the same time; if they may, list it in "
                "shared_volumes, or mount it read-only"
            )
