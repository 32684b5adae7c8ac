"""The engine's event stream, cut down by the engine to what may be drift.

Rule 1: an event is a hint to look again, never a fact to act on.
Rule 2: the end of the stream is not an error: subscribe again, then look at everything.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import urllib3
from docker import APIClient
from docker.errors import StreamParseError

from moorline.adapters.ports import EngineEvent

if TYPE_CHECKING:
    from docker.types import CancellableStream  # generic in its stub only

__all__ = ["Subscription", "subscribe"]

# Filtered by the engine: each healthcheck probe makes three exec_* events, which would drown the
# rest. `connect` and `disconnect` also come with every start and stop.
_ACTIONS = (
    "start",
    "stop",
    "kill",
    "die",
    "oom",
    "pause",
    "unpause",
    "rename",
    "update",
    "destroy",
    "health_status",
    "connect",
    "disconnect",
)
NANO = 1_000_000_000
_PROJECT = "com.docker.compose.project"


class Subscription:
    """One running subscription; see `EventStream`."""

    def __init__(self, stream: "CancellableStream[Mapping[str, Any]]") -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[EngineEvent]:
        """Yield events until the engine goes away or `close` is called."""
        try:
            for raw in self._stream:
                event = _event(raw)
                if event:
                    yield event
        # cut off in the middle of a line; the SDK itself takes a broken connection for the end
        except (StreamParseError, urllib3.exceptions.HTTPError):
            return

    def close(self) -> None:
        """End the iteration, from any thread; closing twice is fine."""
        try:
            self._stream.close()
        except OSError:
            return


def subscribe(client: APIClient) -> Subscription:
    """Subscribe to containers and networks."""
    filters = {"type": ["container", "network"], "event": list(_ACTIONS)}
    return Subscription(client.events(decode=True, filters=filters))


def _event(raw: Mapping[str, Any]) -> EngineEvent | None:
    """Read one event; None for a container that no project owns."""
    kind: Literal["container", "network"] = "network" if raw["Type"] == "network" else "container"
    attributes = raw["Actor"].get("Attributes") or {}
    project = attributes.get(_PROJECT, "")
    if kind == "container" and not project:
        return None
    return EngineEvent(
        kind=kind,
        action=raw["Action"],
        id=attributes.get("container") or raw["Actor"]["ID"],
        name=attributes.get("name", ""),
        project=project,
        at=raw.get("timeNano", 0) / NANO,
    )
