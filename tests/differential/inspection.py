"""What the engine says it has, made comparable: no ids, no labels of tools, no order of chance."""

import io
import tarfile
from typing import Any

import docker

_TOOLS = ("com.docker.compose.", "moorline.")
# The engine keeps the order in which it was told, and Compose tells it in the order of a Go map.
_UNORDERED = ("Env", "Binds", "Mounts", "Ulimits", "ExtraHosts")


def inspect(client: docker.APIClient, project: str, targets: list[str]) -> dict[str, Any]:
    """Everything of a project; `targets` are files to read in its containers."""
    chosen = {"label": f"com.docker.compose.project={project}"}
    containers = {
        _name(found): client.inspect_container(found["Id"])
        for found in client.containers(all=True, filters=chosen)
    }
    # Compose names an external network and a shared container by id
    ids = {each["Id"]: each["Name"] for each in client.networks()}
    ids |= {f"container:{each['Id']}": f"container:{name}" for name, each in containers.items()}
    networks = [client.inspect_network(each["Id"]) for each in client.networks(filters=chosen)]
    volumes = client.volumes(filters=chosen)["Volumes"] or []
    return {
        "containers": {
            name: _container(container, ids) | _files(client, container["Id"], targets)
            for name, container in sorted(containers.items())
        },
        "networks": {each["Name"]: _network(each) for each in networks},
        "volumes": {each["Name"]: _volume(each) for each in volumes},
    }


def _name(container: dict[str, Any]) -> str:
    labels = container["Labels"]
    service, number = (f"com.docker.compose.{key}" for key in ("service", "container-number"))
    return f"{labels[service]}-{labels[number]}"


def _container(container: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    short = container["Id"][:12]
    config = container["Config"] | {"Labels": _labels(container["Config"]["Labels"])}
    if config["Hostname"] == short:
        config["Hostname"] = "GENERATED"
    networks = container["NetworkSettings"]["Networks"]
    return {
        "Config": _ordered(config),
        "HostConfig": _ordered(_named(container["HostConfig"], ids)),
        "Networks": {name: _endpoint(each, short) for name, each in networks.items()},
        "Platform": container["Platform"],
    }


def _named(host_config: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """Other containers and networks by name instead of id; nothing said as null."""
    return {
        key: ids.get(value, value) if isinstance(value, str) else value or value == 0 or None
        for key, value in host_config.items()
    }


def _ordered(config: dict[str, Any]) -> dict[str, Any]:
    return config | {key: sorted(config[key], key=repr) for key in _UNORDERED if config.get(key)}


def _endpoint(endpoint: dict[str, Any], short: str) -> dict[str, Any]:
    return {
        "Aliases": [alias for alias in endpoint["Aliases"] or [] if alias != short],
        # an empty one says no more than none
        "IPAMConfig": endpoint["IPAMConfig"] or None,
        "DriverOpts": endpoint["DriverOpts"] or None,
        "Links": endpoint["Links"],
    }


def _network(network: dict[str, Any]) -> dict[str, Any]:
    kept = ("Driver", "EnableIPv6", "Internal", "Attachable", "Ingress", "Options")
    return {key: network[key] for key in kept} | {
        "IPAM": _ipam(network["IPAM"]),
        "Labels": _labels(network["Labels"]),
    }


def _ipam(ipam: dict[str, Any]) -> dict[str, Any]:
    """Addresses as they were asked for; those that the engine chose are left out."""
    chosen = [pool for pool in ipam["Config"] or [] if pool["Subnet"].startswith(("10.213", "fd"))]
    return ipam | {"Config": chosen}


def _volume(volume: dict[str, Any]) -> dict[str, Any]:
    return {key: volume[key] for key in ("Driver", "Options", "Scope")} | {
        "Labels": _labels(volume["Labels"]),
    }


def _labels(labels: dict[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (labels or {}).items() if not name.startswith(_TOOLS)}


def _files(client: docker.APIClient, container: str, targets: list[str]) -> dict[str, Any]:
    return {"Files": {target: _content(client, container, target) for target in sorted(targets)}}


def _content(client: docker.APIClient, container: str, path: str) -> str | None:
    try:
        stream, _ = client.get_archive(container, path)
    except docker.errors.NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        entry = tar.extractfile(tar.getmembers()[0])
        assert entry
        return entry.read().decode()
