"""Threads that only ring the bell: the engine's events, and a state repo on the same host."""

import threading
from collections.abc import Collection
from pathlib import Path

import watchfiles

from moorline.adapters.ports import Engine, EventStream
from moorline.agent.report import Reporter
from moorline.agent.wake import Wake
from moorline.errors import MoorlineError

__all__ = ["EngineWatch", "RepoWatch", "local_refs"]

RECONNECT_FIRST = 0.5
RECONNECT_LONGEST = 30.0


class EngineWatch:
    """Follows the engine's events, and reconnects for as long as it takes."""

    def __init__(
        self, engine: Engine, projects: Collection[str], wake: Wake, reporter: Reporter
    ) -> None:
        self._engine = engine
        self._projects = frozenset(projects)
        self._wake = wake
        self._reporter = reporter
        self._stop = threading.Event()
        self._stream: EventStream | None = None
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._stop.set()
        if (stream := self._stream) is not None:
            stream.close()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        delay = RECONNECT_FIRST
        while not self._stop.is_set():
            try:
                self._follow()
                delay = RECONNECT_FIRST
            except MoorlineError as error:
                self._reporter.note("engine events stopped", error=str(error))
            self._stop.wait(delay)
            delay = min(delay * 2, RECONNECT_LONGEST)

    def _follow(self) -> None:
        """Subscribe first and look second: in this order nothing falls between."""
        self._stream = stream = self._engine.events()
        ours = {
            container.id
            for project in self._projects
            for container in self._engine.observe(project, ()).containers
        }
        self._wake.engine_unseen()
        for event in stream:
            if event.project in self._projects:
                ours.add(event.id)
            # a network's events do not name a project, and other people's are none of ours
            if event.id in ours:
                self._wake.engine_moved(event.id)
            if event.action == "destroy":
                ours.discard(event.id)
        # the stream ends without a word when the engine goes away


class RepoWatch:
    """Watches one branch of a repository on this host."""

    def __init__(self, refs: Path, branch: str, wake: Wake) -> None:
        self._refs = refs
        self._branch = str(refs / branch)
        self._wake = wake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="repo-watch", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        changes = watchfiles.watch(
            self._refs,
            stop_event=self._stop,
            # not the history branches: those are our own pushes
            watch_filter=lambda _change, path: path == self._branch,
            # it wakes up once a step, for ever: 5 ms cost an idle daemon half a percent of a core.
            # A push is one rename, so there is no flurry to wait out either
            step=50,
            debounce=100,
            rust_timeout=1000,
            raise_interrupt=False,
        )
        for _ in changes:
            self._wake.git_moved()


def local_refs(url: str) -> Path | None:
    """Where a repository on this host keeps its branches; None for a remote one."""
    path = Path(url.removeprefix("file://"))
    if not path.is_absolute():
        return None
    for folder in (path / "refs" / "heads", path / ".git" / "refs" / "heads"):
        if folder.is_dir():
            return folder
    return None
