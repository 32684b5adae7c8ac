"""Every key of a service and of the file: which are simple, which are refused, and why.

A simple key has one reader and becomes one field of the engine's create request. The keys with a
form of their own are read in `service`. Reference page and JSON schema are made from these tables.
"""

from collections.abc import Callable
from dataclasses import dataclass

from moorline.core.compose import host
from moorline.core.compose.commands import command
from moorline.core.compose.health import healthcheck
from moorline.core.compose.networking import labels, mac_address
from moorline.core.compose.reader import Value
from moorline.core.compose.scalars import (
    boolean,
    choice,
    cpus,
    filled,
    numbers_or_strings,
    size,
    string,
    string_or_list,
    strings,
    text_mapping,
    whole,
)
from moorline.core.values import Json

__all__ = [
    "CONFIG",
    "HOST_CONFIG",
    "REFUSED_KEYS",
    "REFUSED_TOP_KEYS",
    "SERVICE_KEYS",
    "STRUCTURED",
    "TOP_KEYS",
    "Key",
]


@dataclass(frozen=True, slots=True)
class Key:
    """A key with one reader and one field; a reader's None leaves the field out."""

    read: Callable[[Value], Json]
    field: str
    about: str


CONFIG: dict[str, Key] = {
    "command": Key(command, "Cmd", "what runs, instead of the image's command"),
    "domainname": Key(string, "Domainname", "domain name of the container"),
    "entrypoint": Key(
        command, "Entrypoint", "what the command is given to; [] clears the image's"
    ),
    "healthcheck": Key(healthcheck, "Healthcheck", "the check that the engine runs inside"),
    "hostname": Key(string, "Hostname", "host name of the container"),
    "labels": Key(labels, "Labels", "labels of the container"),
    "mac_address": Key(mac_address, "MacAddress", "MAC address in the first network"),
    "platform": Key(filled, "Platform", "os/architecture of the image, such as linux/arm64"),
    "stdin_open": Key(boolean, "OpenStdin", "true keeps standard input open"),
    "stop_signal": Key(filled, "StopSignal", "the signal that asks the process to end"),
    "tty": Key(boolean, "Tty", "true gives the process a terminal"),
    "user": Key(string, "User", "user[:group] of the process, names or numbers"),
    "working_dir": Key(string, "WorkingDir", "working directory of the process"),
}

HOST_CONFIG: dict[str, Key] = {
    "annotations": Key(labels, "Annotations", "for the runtime (Engine 24 and newer)"),
    "cap_add": Key(strings, "CapAdd", "capabilities to add"),
    "cap_drop": Key(strings, "CapDrop", "capabilities to take away"),
    "cgroup": Key(choice("host", "private"), "CgroupnsMode", "cgroup namespace"),
    "cgroup_parent": Key(string, "CgroupParent", "parent cgroup"),
    "cpu_period": Key(whole(0), "CpuPeriod", "length of a scheduler period, microseconds"),
    "cpu_quota": Key(whole(-1), "CpuQuota", "processor time in a period, microseconds"),
    "cpu_shares": Key(whole(0), "CpuShares", "weight against other containers"),
    "cpus": Key(cpus, "NanoCpus", "processors it may use, such as 0.5"),
    "cpuset": Key(string, "CpusetCpus", "processors it may run on, such as 0-2"),
    "device_cgroup_rules": Key(strings, "DeviceCgroupRules", "rules such as 'c 1:3 mr'"),
    "devices": Key(host.devices, "Devices", "devices of the host"),
    "dns": Key(string_or_list, "Dns", "name servers"),
    "dns_opt": Key(strings, "DnsOptions", "options of the resolver"),
    "dns_search": Key(string_or_list, "DnsSearch", "search domains"),
    "extra_hosts": Key(host.extra_hosts, "ExtraHosts", "lines for /etc/hosts"),
    "group_add": Key(numbers_or_strings, "GroupAdd", "more groups of the process"),
    "init": Key(boolean, "Init", "true runs a small init as process 1"),
    "logging": Key(host.logging, "LogConfig", "where the output goes"),
    "mem_limit": Key(size, "Memory", "the most memory it may use"),
    "mem_reservation": Key(size, "MemoryReservation", "memory that is kept when it gets scarce"),
    "mem_swappiness": Key(whole(0, 100), "MemorySwappiness", "0 to 100"),
    "memswap_limit": Key(host.memory_and_swap, "MemorySwap", "memory and swap; -1 for no limit"),
    "oom_kill_disable": Key(boolean, "OomKillDisable", "true: never killed for lack of memory"),
    "oom_score_adj": Key(whole(-1000, 1000), "OomScoreAdj", "-1000 (last) to 1000 (first)"),
    "pids_limit": Key(whole(-1), "PidsLimit", "number of processes; -1 for no limit"),
    "privileged": Key(boolean, "Privileged", "true takes every barrier away"),
    "read_only": Key(boolean, "ReadonlyRootfs", "true makes the container's own files read-only"),
    "restart": Key(host.restart, "RestartPolicy", "no, always, unless-stopped, on-failure[:N]"),
    "runtime": Key(string, "Runtime", "OCI runtime"),
    "shm_size": Key(size, "ShmSize", "size of /dev/shm"),
    "storage_opt": Key(text_mapping, "StorageOpt", "options of the storage driver"),
    "sysctls": Key(host.sysctls, "Sysctls", "kernel parameters of the container"),
    "tmpfs": Key(host.tmpfs, "Tmpfs", "file systems in memory, path[:options]"),
    "ulimits": Key(host.ulimits, "Ulimits", "limits of the process"),
    "userns_mode": Key(choice("host"), "UsernsMode", "host: the host's user namespace"),
    "uts": Key(choice("host"), "UTSMode", "host: the host's host name"),
}

STRUCTURED: dict[str, str] = {
    "configs": "configs it may read",
    "container_name": "a name of its own; then there can be only one",
    "depends_on": "services that come first, and what is waited for",
    "deploy": "replicas, limits and restart policy, the way Swarm writes them",
    "env_file": "files with variables",
    "environment": "variables",
    "expose": "ports that it listens on, unpublished",
    "image": "what runs: name[:tag]@sha256:…",
    "ipc": "IPC namespace: private, shareable, host, none, service:NAME, container:NAME",
    "network_mode": "bridge, host, none, service:NAME or container:NAME, instead of networks",
    "networks": "networks it joins",
    "pid": "process namespace: host, service:NAME or container:NAME",
    "ports": "ports published on the host",
    "post_start": "commands run inside after it started",
    "pre_stop": "commands run inside before it is stopped",
    "profiles": "a service with profiles is for people to start; moorline leaves it alone",
    "scale": "number of containers",
    "secrets": "secrets it may read",
    "security_opt": "AppArmor, SELinux, seccomp, no-new-privileges",
    "stop_grace_period": "time to end by itself before it is killed; 10s by default",
    "volumes": "volumes, host paths and tmpfs",
}

_SIMPLE = {name: key.about for name, key in (CONFIG | HOST_CONFIG).items()}
SERVICE_KEYS: dict[str, str] = dict(sorted((_SIMPLE | STRUCTURED).items()))

_LINKS = "services find each other by name on their networks; use aliases for another name"
_REALTIME = "it needs a real-time kernel that container hosts do not run"
_WINDOWS = "it exists on Windows only"
_LEGACY = "it is gone from the Compose Specification"

REFUSED_KEYS: dict[str, str] = {
    "attach": "it is about the terminal of docker compose up",
    "blkio_config": "limits on block devices are not supported yet",
    "build": "what runs was built, tested and pinned elsewhere; name it in image",
    "cpu_count": _WINDOWS,
    "cpu_percent": _WINDOWS,
    "cpu_rt_period": _REALTIME,
    "cpu_rt_runtime": _REALTIME,
    "credential_spec": _WINDOWS,
    "develop": "nothing is developed on a production host",
    "dockerfile": "what runs was built, tested and pinned elsewhere; name it in image",
    "extends": "one file says it all, so that a commit shows the whole change; use anchors and <<",
    "external_links": _LINKS,
    "gpus": "GPUs are not supported yet; use devices",
    "isolation": _WINDOWS,
    "label_file": "labels are reviewed where they stand; write them in labels",
    "links": _LINKS,
    "log_driver": f"{_LEGACY}; use logging",
    "log_opt": f"{_LEGACY}; use logging",
    "models": "moorline runs containers, not models",
    "net": f"{_LEGACY}; use network_mode",
    "pre_start": "run it as a service of its own and depend on its completion",
    "provider": "moorline runs containers, not other tools",
    "pull_policy": "images are pinned: one is pulled when it is not there, and never changes",
    "pull_refresh_after": "images are pinned: one is pulled when it is not there",
    "use_api_socket": "whoever has the engine's socket has the host; mount it if you must",
    "volume_driver": f"{_LEGACY}; use driver of the top-level volume",
    "volumes_from": "name the volume at the top of the file and mount it in both services",
}

TOP_KEYS: dict[str, str] = {
    "configs": "files that are not secret",
    "name": "the environment's name; the file's name without .yaml",
    "networks": "networks",
    "secrets": "secret files",
    "services": "what runs",
    "volumes": "named volumes",
    "x-moorline": "what is ours",
}

REFUSED_TOP_KEYS: dict[str, str] = {
    "include": "one file says it all, so that a commit shows the whole change",
    "models": "moorline runs containers, not models",
    "version": "it is obsolete and Compose ignores it; remove the line",
}
