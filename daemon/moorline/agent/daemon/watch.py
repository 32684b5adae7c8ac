"""Threads that only ring bells: the engine's events, and a state repo on the same host."""

import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

from moorline.adapters.ports import Engine, EngineEvent, EventStream
from moorline.agent.daemon.wake import Wakes
from moorline.agent.incidents import Incidents
from moorline.agent.report import Reporter
from moorline.errors import MoorlineError

__all__ = ["EngineWatch", "RepoWatch", "local_refs"]

RECONNECT_FIRST = 0.5
RECONNECT_LONGEST = 30.0


class EngineWatch:
    """Follows the engine's events, and reconnects for as long as it takes."""

    def __init__(
        self,
        engine: Engine,
        wakes: Wakes,
        reporter: Reporter,
        incidents: Incidents | None = None,
    ) -> None:
        self._incidents = incidents or Incidents()
        self._engine = engine
        self._wakes = wakes
        self._reporter = reporter
        self._stop = threading.Event()
        self._stream: EventStream | None = None

    def run(self) -> None:
        """Follow until told to stop."""
        delay = RECONNECT_FIRST
        while not self._stop.is_set():
            try:
                self._follow()
                delay = RECONNECT_FIRST
            except MoorlineError as error:
                self._reporter.note("engine events stopped", error=str(error))
            self._stop.wait(delay)
            delay = min(delay * 2, RECONNECT_LONGEST)

    def stop(self) -> None:
        """Have `run` return, from any thread."""
        self._stop.set()
        if (stream := self._stream) is not None:
            stream.close()

    def _follow(self) -> None:
        """Subscribe first and look second: in this order nothing falls between."""
        self._stream = stream = self._engine.events()
        if self._stop.is_set():
            # told so before there was a stream to close
            stream.close()
            return
        owners = {
            container.id: project
            for project in self._wakes.by_environment
            for container in self._engine.observe(project, ()).containers
        }
        self._incidents.forget()
        self._wakes.engine_unseen()
        for event in stream:
            self._hint(event, owners)
        # the stream ends without a word when the engine goes away

    def _hint(self, event: EngineEvent, owners: dict[str, str]) -> None:
        """Wake whom the event concerns; `owners` maps our containers to their projects."""
        if event.project in self._wakes.by_environment:
            owners[event.id] = event.project
        # a network's events do not name a project, and other people's are none of ours
        if (owner := owners.get(event.id)) is not None:
            # first what happened, then whom to wake for it
            self._incidents.heard(event)
            self._wakes.engine_moved(owner, event.id)
        if event.action == "destroy":
            owners.pop(event.id, None)


class RepoWatch:
    """Watches one branch of a repository on this host."""

    def __init__(
        self, refs: Path, branch: str, moved: Callable[[], None], reporter: Reporter
    ) -> None:
        self._refs = refs
        self._branch = str(refs / branch)
        self._moved = moved
        self._reporter = reporter
        self._stop = threading.Event()

    def run(self) -> None:
        """Watch until told to stop."""
        changes = watchfiles.watch(
            self._refs,
            stop_event=self._stop,
            # not the history branches: those are our own pushes
            watch_filter=lambda _change, path: path == self._branch,
            # it wakes up once a step, for ever: 5 ms cost an idle daemon half a percent of a core.
            # A push is one rename, so there is no flurry to wait out either
            step=25,
            debounce=100,
            rust_timeout=1000,
            raise_interrupt=False,
        )
        try:
            for _ in changes:
                self._moved()
        # the kernel's limit of watches, say; RuntimeError is the library's own
        except (OSError, RuntimeError) as error:
            self._reporter.note("the state repo is polled, not watched", error=str(error))

    def stop(self) -> None:
        """Have `run` return, from any thread."""
        self._stop.set()


def local_refs(url: str) -> Path | None:
    """Where a repository on this host keeps its branches; None for a remote one."""
    path = Path(url.removeprefix("file://"))
    if not path.is_absolute():
        return None
    for folder in (path / "refs" / "heads", path / ".git" / "refs" / "heads"):
        if folder.is_dir():
            return folder
    return None
