"""Moving the branch, and seeing who answers: what every figure of one service is made of."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests.bench.measure import pause_until
from tests.e2e.stage import Stage

__all__ = ["next_start", "publish", "settle", "starts", "versions", "when"]


def publish(stage: Stage, services: Mapping[str, object]) -> str:
    """Move the branch in one instant: the objects are there before."""
    remote = stage.remote
    remote.git("update-ref", "refs/heads/aside", remote.tip() or "")
    sha = remote.commit({stage.path: stage.text(services)}, branch="aside")
    remote.reset(sha)
    return sha


def settle(stage: Stage) -> None:
    """Wait until the daemon has nothing left to do, records included."""
    words = ("log", "-1", "--format=%H", "--invert-grep", "--grep=Rollback-Of", "main")
    tip = stage.remote.git(*words)
    pause_until(lambda: any(commit == tip for commit, _ in stage.deployments()))


@contextmanager
def starts(stage: Stage) -> Iterator[Iterator[dict[str, Any]]]:
    """Starts of this environment's containers, from now on."""
    label = f"com.docker.compose.project={stage.environment}"
    stream = stage.api.events(decode=True, filters={"event": ["start"], "label": [label]})
    try:
        yield stream
    finally:
        stream.close()


def next_start(events: Iterator[dict[str, Any]], pin: str) -> None:
    """Wait for a container of this image to start."""
    next(each for each in events if each["Actor"]["Attributes"].get("moorline.image") == pin)


def when(record: Mapping[str, Any], moment: str) -> float:
    """A moment of a rollout, in seconds of the system's clock."""
    began = datetime.fromisoformat(str(record["started"])).timestamp()
    return began + float(record["timings"][moment])


def versions(port: int, requests: int) -> Mapping[str, int]:
    """Who answered how many of so many requests over one connection; "" is a failure."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    counted: dict[str, int] = {}
    for _ in range(requests):
        said = _ask(connection)
        counted[said] = counted.get(said, 0) + 1
    connection.close()
    return counted


def _ask(connection: http.client.HTTPConnection) -> str:
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode()
    except (OSError, http.client.HTTPException):
        connection.close()
        return ""
    return body.strip().removeprefix("version=") if answer.status == http.HTTPStatus.OK else ""
