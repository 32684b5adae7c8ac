"""Where moorline deliberately does not do what Docker Compose does, and why.

case → path in the result that is left out of the comparison → reason
"""

from typing import Any

__all__ = ["DIFFERENCES", "without_differences"]

_DELIVERY = (
    "Compose copies the text into the container's own file system; moorline mounts a file of the "
    "host read-only, so that it is not in the container's layer (the content is compared)"
)

DIFFERENCES: dict[str, dict[str, str]] = {
    "configs-content": {"containers/web-1/HostConfig/Mounts": _DELIVERY},
    "secrets-environment": {"containers/web-1/HostConfig/Mounts": _DELIVERY},
    "expose": {
        "containers/web-1/Config/ExposedPorts": (
            "Compose 2.26 hands '4000' over without a protocol, and the engine keeps it beside "
            "4000/tcp; the Compose Specification's default is tcp"
        ),
    },
    "networks-options": {
        "containers/web-1/Networks/PROJECT_front/DriverOpts": (
            "Compose 2.26 reads driver_opts of a service's network and drops them"
        ),
    },
    "volumes-bind-default": {
        "containers/web-1/HostConfig/Binds": (
            "the Compose Specification creates a missing host path unless create_host_path is "
            "false; Compose 2.26 did so in the short form only"
        ),
        "containers/web-1/HostConfig/Mounts": "see Binds",
    },
}


def without_differences(case: str, result: dict[str, Any]) -> dict[str, Any]:
    """The result without the deliberate differences of its case."""
    for path in DIFFERENCES.get(case, {}):
        result = _without(result, path.split("/"))
    return result


def _without(tree: dict[str, Any], path: list[str]) -> dict[str, Any]:
    first, *rest = path
    if not rest:
        return {key: value for key, value in tree.items() if key != first}
    return {**tree, first: _without(tree[first], rest)}
