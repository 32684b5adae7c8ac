"""Find what someone changed by hand on a running container.

Only what `docker update` can change is compared: everything else needs a new container, and that
shows in the list call. The engine fills in defaults, so a field is compared as the engine would
have understood the request (Docker Engine API, POST /containers/{id}/update).
"""

from collections.abc import Mapping

from moorline.core.values import JsonObject

__all__ = ["altered"]

_NUMBERS = (
    "CpuShares",
    "CpuQuota",
    "CpuPeriod",
    "NanoCpus",
    "Memory",
    "MemoryReservation",
    "BlkioWeight",
)
_WORDS = ("CpusetCpus", "CpusetMems")


def altered(declared: JsonObject, actual: JsonObject) -> tuple[str, ...]:
    """Names of the HostConfig fields in which `actual` is not what `declared` asked for."""
    names = [name for name in _NUMBERS if (declared.get(name) or 0) != (actual.get(name) or 0)]
    names += [name for name in _WORDS if (declared.get(name) or "") != (actual.get(name) or "")]
    if _pids(declared) != _pids(actual):
        names.append("PidsLimit")
    if _swap(declared) != _swap(actual):
        names.append("MemorySwap")
    if _policy(declared) != _policy(actual):
        names.append("RestartPolicy")
    return tuple(names)


def _pids(config: JsonObject) -> int:
    # unlimited is written as 0, -1 or null
    value = config.get("PidsLimit")
    return value if isinstance(value, int) and value > 0 else 0


def _swap(config: JsonObject) -> int:
    # left out, the engine takes twice the memory
    swap, memory = config.get("MemorySwap"), config.get("Memory")
    if isinstance(swap, int) and swap:
        return swap
    return 2 * memory if isinstance(memory, int) else 0


def _policy(config: JsonObject) -> tuple[str, int]:
    policy = config.get("RestartPolicy")
    if not isinstance(policy, Mapping):
        return "no", 0
    retries = policy.get("MaximumRetryCount")
    return str(policy.get("Name") or "no"), retries if isinstance(retries, int) else 0
