"""One entry of `services`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from moorline.core.compose.context import Context
from moorline.core.compose.dependencies import dependencies
from moorline.core.compose.deploy import Deploy, deploy
from moorline.core.compose.envvars import environment
from moorline.core.compose.files import grants
from moorline.core.compose.hooks import hooks
from moorline.core.compose.jobs import pinned
from moorline.core.compose.keys import CONFIG, HOST_CONFIG, REFUSED_KEYS, SERVICE_KEYS, Key
from moorline.core.compose.namespaces import Namespaces, namespaces, shared_service
from moorline.core.compose.networking import attachments
from moorline.core.compose.own import NAME
from moorline.core.compose.ports import Published, expose, ports
from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import duration, string, strings, whole
from moorline.core.compose.security import security_options
from moorline.core.compose.service_extension import extended, extension
from moorline.core.compose.storage import Storage, mounts
from moorline.core.image import ImageRef
from moorline.core.model import Attachment, Dependency, FileMount, Service
from moorline.core.values import Json

__all__ = ["Draft", "service"]

_NO_IMAGE = ImageRef(registry="docker.io", repository="library/none")
_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)
_MAX_REPLICAS = 1000
_DEFAULT_GRACE = 10.0
_NANOSECONDS = 10**9
# What belongs to whoever owns the network that a service shares.
_OF_THE_OWNER = ("ports", "hostname", "dns", "extra_hosts", "expose", "mac_address")
_WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {
    "bridge": (),
    "none": ("ports",),
    "host": ("ports", "mac_address"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A service that was read by itself; `checks` looks at it among the others."""

    service: Service
    value: Value
    profiled: bool = False
    published: list[Published] = field(default_factory=list)
    needs: list[tuple[Dependency, Value]] = field(default_factory=list)
    own: dict[str, Value] = field(default_factory=dict)
    """The keys of its `x-moorline`."""


def service(name: str, value: Value, context: Context) -> Draft:
    """Read a service."""
    found = fields(value, {*SERVICE_KEYS, NAME}, REFUSED_KEYS, required=("image",))
    modes = namespaces(found)
    deployment = optional(found, "deploy", deploy, default=Deploy())
    config = _simple(found, CONFIG)
    host_config = _simple(found, HOST_CONFIG) | modes.host_config
    _merge_deploy(deployment, host_config)
    _check_modes(found, modes)
    published = _ports(found, config, host_config, context)
    storage = _storage(found, host_config, context)
    if "security_opt" in found:
        host_config |= security_options(found["security_opt"], context)
    if variables := environment(found, context):
        config["Env"] = variables
    needs = _needs(found, modes)
    replicas = _replicas(found, deployment)
    read_hooks = partial(hooks, context=context)
    result = Service(
        name=name,
        image=optional(
            found, "image", partial(_image, name=name, context=context), default=_NO_IMAGE
        ),
        config=config,
        host_config=host_config,
        shares={key: shared_service(shared) for key, shared in modes.shares.items()},
        networks=_networks(found, context),
        volumes=tuple(sorted(storage.volumes)),
        files=_files(found, storage, context),
        depends_on=tuple(dependency for dependency, _ in needs),
        replicas=replicas,
        container_name=_container_name(found, replicas),
        stop_grace_period=_grace(found, config),
        post_start=optional(found, "post_start", read_hooks, default=()),
        pre_stop=optional(found, "pre_stop", read_hooks, default=()),
    )
    own = extension(found.get(NAME))
    profiled = "profiles" in found and bool(strings(found["profiles"]))
    return Draft(extended(result, own, context), value, profiled, published, needs, own)


def _simple(found: dict[str, Value], keys: Mapping[str, Key]) -> dict[str, Json]:
    read = {
        keys[name].field: keys[name].read(entry) for name, entry in found.items() if name in keys
    }
    return {name: value for name, value in read.items() if value is not None}


def _image(value: Value, name: str, context: Context) -> ImageRef:
    def mend(written: str) -> str:
        return f"run 'moorline pin {context.environment} {name} {written}'"

    return pinned(value, mend, default=_NO_IMAGE)


def _merge_deploy(deployment: Deploy, host_config: dict[str, Json]) -> None:
    for name, (wanted, place) in deployment.host_config.items():
        if host_config.get(name, wanted) != wanted:
            place.fail("differs from what the service itself says; say it in one place")
        host_config[name] = wanted


def _ports(
    found: dict[str, Value],
    config: dict[str, Json],
    host_config: dict[str, Json],
    context: Context,
) -> list[Published]:
    exposed = expose(found["expose"], context) if "expose" in found else {}
    published: list[Published] = []
    if "ports" in found:
        read = ports(found["ports"], context)
        exposed |= read.exposed
        published = read.published
        if read.bindings:
            host_config["PortBindings"] = read.bindings
    if exposed:
        config["ExposedPorts"] = dict(sorted(exposed.items()))
    return published


def _storage(found: dict[str, Value], host_config: dict[str, Json], context: Context) -> Storage:
    storage = mounts(found["volumes"], context) if "volumes" in found else Storage()
    if storage.binds:
        host_config["Binds"] = storage.binds
    if storage.mounts:
        host_config["Mounts"] = storage.mounts
    return storage


def _files(found: dict[str, Value], storage: Storage, context: Context) -> tuple[FileMount, ...]:
    files: list[FileMount] = []
    if "secrets" in found:
        files += grants("secret", found["secrets"], context.secrets, storage.targets)
    if "configs" in found:
        files += grants("config", found["configs"], context.configs, storage.targets)
    return tuple(files)


def _grace(found: dict[str, Value], config: dict[str, Json]) -> float:
    if "stop_grace_period" not in found:
        return _DEFAULT_GRACE
    grace = duration(found["stop_grace_period"])
    # the engine counts whole seconds here; moorline's own stop is given the fraction too
    config["StopTimeout"] = grace // _NANOSECONDS
    return grace / _NANOSECONDS


def _needs(found: dict[str, Value], modes: Namespaces) -> list[tuple[Dependency, Value]]:
    needs = dependencies(found["depends_on"]) if "depends_on" in found else []
    named = {dependency.service for dependency, _ in needs}
    for value in modes.shares.values():
        shared = shared_service(value)
        if shared not in named:
            # a namespace is only there while its owner runs, and is a new one after a restart
            needs.append((Dependency(service=shared, restart=True), value))
            named.add(shared)
    return needs


def _networks(found: dict[str, Value], context: Context) -> tuple[Attachment, ...]:
    if "network_mode" in found:
        return ()
    return attachments(found.get("networks"), context)


def _check_modes(found: dict[str, Value], modes: Namespaces) -> None:
    """Refuse what the engine would refuse, or leave without effect, when it is too late."""
    if "uts" in found and "hostname" in found:
        found["hostname"].fail("cannot be beside uts: the name is the host's")
    if "network_mode" not in found:
        return
    if "networks" in found:
        found["networks"].fail("cannot be beside network_mode")
    mode = modes.host_config.get("NetworkMode")
    for name in _WITHOUT_EFFECT.get(str(mode), _OF_THE_OWNER):
        if name in found:
            found[name].fail("cannot be beside this network_mode: the network is another's")


def _replicas(found: dict[str, Value], deployment: Deploy) -> int:
    read = whole(0, _MAX_REPLICAS)
    scale = optional(found, "scale", read, default=None)
    replicas = read(deployment.replicas) if deployment.replicas else None
    if scale is not None and replicas not in (None, scale):
        found["scale"].fail("differs from deploy.replicas; say it in one place")
    if scale is not None:
        return scale
    return 1 if replicas is None else replicas


def _container_name(found: dict[str, Value], replicas: int) -> str | None:
    if "container_name" not in found:
        return None
    value = found["container_name"]
    name = string(value)
    if not _CONTAINER_NAME.fullmatch(name):
        value.fail("must be two or more letters, digits, '_', '.' or '-'")
    if replicas > 1:
        value.fail(f"only one container can have a name, and there are {replicas}")
    return name
