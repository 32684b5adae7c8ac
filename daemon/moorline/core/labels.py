"""Labels: how a container, network or volume says whose it is.

Compose's own labels are set too, so that `docker compose -p production ps` and every dashboard
group our containers; only those that also carry `moorline.spec` are ours to touch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from moorline.core.model import Hook
from moorline.core.values import Json, JsonObject, canonical

__all__ = ["Retirement", "container_labels", "read_retirement", "read_shares", "resource_labels"]

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"
CONFIG_HASH = "com.docker.compose.config-hash"

ENVIRONMENT = "moorline.environment"
OUR_SERVICE = "moorline.service"
COMMIT = "moorline.commit"
SPEC = "moorline.spec"
IMAGE = "moorline.image"
RETIREMENT = "moorline.retirement"
SHARES = "moorline.shares"
JOB = "moorline.job"

DEFAULT_GRACE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """How a container wants to be stopped.

    It rides on the container, because by the time the container leaves, the file that said so may
    be gone from the branch.
    """

    restarts: bool = True
    """Whether the engine starts it again by itself, so that stopping takes disarming; taken for
    granted where nothing says otherwise."""
    grace: float = DEFAULT_GRACE
    pre_stop: tuple[Hook, ...] = ()


def container_labels(
    *,
    environment: str,
    service: str,
    number: int,
    commit: str,
    spec: str,
    pin: str,
    retirement: Retirement,
    shares: Mapping[str, str],
    job: str = "",
) -> dict[str, str]:
    """Every label of one container; `shares` maps a HostConfig key to the container id used.

    `job` is the name of the job that it runs, "" for a service's own container.
    """
    return {
        PROJECT: environment,
        SERVICE: service,
        NUMBER: str(number),
        ONEOFF: str(bool(job)),
        CONFIG_HASH: spec,
        ENVIRONMENT: environment,
        OUR_SERVICE: service,
        COMMIT: commit,
        SPEC: spec,
        IMAGE: pin,
        RETIREMENT: _write_retirement(retirement),
        SHARES: canonical(dict(shares)).decode(),
        **({JOB: job} if job else {}),
    }


def resource_labels(environment: str, spec: str) -> dict[str, str]:
    """Labels of ours on a network or volume, beside the ones that Compose would set."""
    return {ENVIRONMENT: environment, SPEC: spec}


def read_retirement(labels: Mapping[str, str]) -> Retirement:
    """The container's own wish; the default where the label is absent or unreadable."""
    data = _object(labels.get(RETIREMENT, ""))
    grace = data.get("grace", DEFAULT_GRACE)
    hooks = data.get("pre_stop", ())
    if not isinstance(grace, int | float) or not isinstance(hooks, list):
        return Retirement()
    if not all(isinstance(hook, dict) for hook in hooks):
        return Retirement()
    return Retirement(
        restarts=data.get("restarts") is not False,
        grace=float(grace),
        pre_stop=tuple(_read_hook(hook) for hook in hooks),
    )


def read_shares(labels: Mapping[str, str]) -> dict[str, str]:
    """HostConfig key → id of the container whose namespace was joined."""
    return {key: str(value) for key, value in _object(labels.get(SHARES, "")).items()}


def _object(text: str) -> JsonObject:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # another tool's container may say anything
        return {}
    return value if isinstance(value, dict) else {}


def _write_retirement(retirement: Retirement) -> str:
    hooks: list[Json] = [
        {
            "command": hook.command,
            "user": hook.user,
            "privileged": hook.privileged,
            "working_dir": hook.working_dir,
            "environment": hook.environment,
        }
        for hook in retirement.pre_stop
    ]
    return canonical(
        {"restarts": retirement.restarts, "grace": retirement.grace, "pre_stop": hooks}
    ).decode()


def _read_hook(data: JsonObject) -> Hook:
    def words(key: str) -> tuple[str, ...]:
        value = data.get(key)
        return tuple(str(word) for word in value) if isinstance(value, list) else ()

    return Hook(
        command=words("command"),
        user=str(data.get("user", "")),
        privileged=data.get("privileged") is True,
        working_dir=str(data.get("working_dir", "")),
        environment=words("environment"),
    )
