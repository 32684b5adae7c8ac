"""Values for tests of the core: what matters to a test is said, the rest is ordinary."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from moorline.core.desired import Desired, StoredFile, build_desired
from moorline.core.image import Digest, ImageRef
from moorline.core.model import (
    Attachment,
    Condition,
    Dependency,
    Environment,
    Network,
    ObservedContainer,
    ObservedEnvironment,
    Service,
    Volume,
)

ENVIRONMENT = "prod"


def digest(text: str) -> Digest:
    """The digest of an image called `text`."""
    return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())


def image(name: str = "web", tag: str = "1") -> ImageRef:
    return ImageRef(registry="r.io", repository=name, tag=tag, digest=digest(f"{name}:{tag}"))


def needs(
    name: str,
    condition: Condition = "service_started",
    *,
    restart: bool = False,
    required: bool = True,
) -> Dependency:
    return Dependency(service=name, condition=condition, restart=restart, required=required)


def service(
    name: str = "web",
    tag: str = "1",
    *,
    port: str | None = None,
    env: Iterable[str] = (),
    networks: Iterable[str] = (),
    host_config: Mapping[str, Any] | None = None,
    **fields: object,
) -> Service:
    """A service of image `name:tag`; `port` is published, `networks` are keys."""
    published = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": port}]}} if port else {}
    ordinary: dict[str, Any] = {
        "image": image(name, tag),
        "config": {"Env": sorted(env)} if env else {},
        "host_config": {**published, **(host_config or {})},
        "networks": tuple(Attachment(network=key) for key in networks),
    }
    return Service(name=name, **(ordinary | fields))


def network(key: str, **fields: object) -> Network:
    return Network(key=key, **{"name": f"{ENVIRONMENT}_{key}", **fields})


def volume(key: str, **fields: object) -> Volume:
    return Volume(key=key, **{"name": f"{ENVIRONMENT}_{key}", **fields})


def environment(
    *services: Service, networks: Iterable[Network] = (), **fields: object
) -> Environment:
    """An environment; networks that are not given are ordinary ones."""
    given = {each.key: each for each in networks}
    used = dict.fromkeys(at.network for each in services for at in each.networks)
    return Environment(
        **{
            "name": ENVIRONMENT,
            "services": services,
            "networks": tuple(given.values())
            + tuple(network(key) for key in used if key not in given),
            **fields,
        }
    )


def desired(*services: Service, commit: str = "c0ffee", **fields: object) -> Desired:
    """A desired state; secrets and configs are stored under their own name."""
    made = environment(*services, **fields)
    files = {
        mount: StoredFile(version="1", path=f"/run/{mount.source}")
        for each in services
        for mount in each.files
    }
    return build_desired(made, commit=commit, blob=f"blob-{commit}", files=files)


def container(service: str = "web", number: int = 1, **fields: object) -> ObservedContainer:
    """A running container of ours, of no particular spec."""
    settled = f"{ENVIRONMENT}-{service}-{number}"
    ordinary = {"id": settled, "name": settled, "state": "running", "spec": "0" * 64}
    return ObservedContainer(service=service, number=number, **(ordinary | fields))


def foreign(name: str, service: str = "web", **fields: object) -> ObservedContainer:
    """A container of another tool with this environment's project label."""
    return container(service, **{"id": f"foreign-{name}", "name": name, "spec": "", **fields})


def observed(*containers: ObservedContainer, **fields: object) -> ObservedEnvironment:
    return replace(ObservedEnvironment(containers=containers), **fields)
