"""Figures of one service on one published port: push, bad push, drift, rollback."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from moorline.core.image import ImageRef
from tests.bench.by_hand import Bare
from tests.bench.measure import Row, alternate, pause_until, serving, stopwatch
from tests.bench.moving import next_start, publish, settle, starts, when
from tests.e2e.stage import Stage, plain
from tests.parts.images import Images

__all__ = ["OneService"]

PORT = 18941
BARE_PORT = 18942
HAND_PORT = 18943


class OneService:
    """A daemon with one service, beside the same by bare engine calls."""

    def __init__(self, folder: Path, images: Images, runs: int) -> None:
        folder.mkdir()
        self._runs = runs
        self._images = images
        self._versions = [images("healthy", str(number)) for number in (1, 2)]
        self._bad = images("unhealthy", "3")
        self._stage = Stage(folder)
        # polling far apart: what is measured is the watch, as for any state repo on the host
        self._stage.configure(poll="60s")
        self._bare = Bare(f"{self._stage.environment}-bare", BARE_PORT)
        self._current = 0

    def __enter__(self) -> Self:
        self._stage.push({"web": self._service(0)})
        self._daemon = self._stage.start()
        settle(self._stage)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._daemon.stop()
        self._stage.close()
        self._bare.close()

    def push(self) -> list[Row]:
        """A new version is pushed; the old one has the port."""
        held = [self._bare.deploy(self._versions[0], "1")]

        def ours(_run: int) -> float:
            return self._switch()

        def theirs(run: int) -> float:
            number = (run + 1) % 2
            began = time.perf_counter()
            new = self._bare.replace(held[0], self._versions[number], f"{number + 1}")
            taken = time.perf_counter() - began
            self._bare.remove(held[0])
            held[0] = new
            return taken

        measured = alternate(self._runs, ours, theirs)
        self._bare.remove(held[0])
        what = "push → new version answers (image local)"
        return [_row(what, measured, "engine calls: create, stop, start, probe", 1.3)]

    def bad_push(self) -> list[Row]:
        """A version that never gets healthy: from the verdict to the old one answering."""
        old = self._bare.deploy(self._versions[0], "1")
        new = self._bare.create(self._bad, "-bad")

        def theirs(_run: int) -> float:
            self._bare.api.stop(old, timeout=10)
            self._bare.api.start(new)
            self._bare.probe("3")
            return stopwatch(lambda: self._bare.switch_back(new, old, "1"))

        measured = alternate(self._runs, lambda _run: self._fail_once(), theirs)
        self._bare.remove(old)
        self._bare.remove(new)
        what = "verdict on a bad push → old version answers"
        return [_row(what, measured, "engine calls: stop, start, probe", 1.3)]

    def drift(self) -> list[Row]:
        """`docker rm -f`, as by hand."""

        def ours(_run: int) -> float:
            settle(self._stage)
            container = str(self._stage.container("web")["Id"])
            with starts(self._stage) as started:
                self._stage.api.remove_container(container, force=True)
                return stopwatch(lambda: self._await(self._current, started))

        def theirs(_run: int) -> float:
            began = time.perf_counter()
            container = self._bare.deploy(self._versions[0], "1")
            taken = time.perf_counter() - began
            self._bare.remove(container)
            return taken

        what = "drift (docker rm -f) → answers again"
        return [
            _row(
                what,
                alternate(self._runs, ours, theirs),
                "engine calls: create, start, probe",
                1.3,
            )
        ]

    def by_hand(self) -> list[Row]:
        """Back to the version before: one push, against five typed commands."""
        name = f"{self._bare.name}-hand"
        command = "docker stop {0}; docker rm {0}; docker pull -q {1} && docker run -d --name {0} -p {2}:3000 {1} && until curl -sf http://127.0.0.1:{2}/ | grep -q version={3}; do :; done"  # noqa: E501  (one line, as typed)
        subprocess.run(
            ["docker", "run", "-d", "--name", name, str(self._versions[0])],
            check=True,
            capture_output=True,
        )

        def theirs(run: int) -> float:
            number = run % 2
            image = self._versions[number].pin
            script = command.format(name, image, HAND_PORT, number + 1)
            return stopwatch(
                lambda: subprocess.run(["sh", "-c", script], check=True, capture_output=True)
            )

        measured = alternate(self._runs, lambda _run: self._switch(), theirs)
        what = "rollback by git push (image local)"
        return [_row(what, measured, "docker stop, rm, pull, run, curl by script", 1)]

    # --- what the daemon is made to do ---

    def _switch(self) -> float:
        """Publish the other version; seconds from the moving of the branch to an answer."""
        settle(self._stage)
        self._current = 1 - self._current
        with starts(self._stage) as started:
            publish(self._stage, {"web": self._service(self._current)})
            return stopwatch(lambda: self._await(self._current, started))

    def _fail_once(self) -> float:
        settle(self._stage)
        with starts(self._stage) as started:
            sha = publish(self._stage, {"web": _probed(self._bad, deadline="3s")})
            next_start(started, self._bad.pin)
            self._await(self._current, started)
            back = time.time()
        self._stage.wait_deployed(sha, "taken back")
        return back - when(self._stage.record(sha), "verdict")

    def _service(self, number: int) -> dict[str, object]:
        return _probed(self._versions[number], deadline="30s")

    def _await(self, number: int, started: Iterator[dict[str, Any]]) -> None:
        """Wait until a version runs and answers.

        The port is asked only once the container runs, as by the bare calls: a packet to an
        address that is not up yet makes the kernel wait a second before it asks for it again,
        and that second would be the measuring's own. Events tell, since asking the engine in a
        loop would keep it from its work.
        """
        next_start(started, self._versions[number].pin)
        pause_until(lambda: serving(PORT, "/", f"version={number + 1}"))


def _probed(image: ImageRef, *, deadline: str) -> dict[str, object]:
    """A service that is probed from outside, by the daemon as by the bare calls."""
    health = {
        "http": "http://:3000/health",
        "deadline": deadline,
        "stability": "200ms",
    }
    return {
        **plain(image, ports=[f"{PORT}:3000"], healthcheck={"disable": True}),
        "x-moorline": {"health": health},
    }


def _row(what: str, measured: tuple[list[float], list[float]], against: str, goal: float) -> Row:
    return Row(what=what, ours=measured[0], against=against, theirs=measured[1], goal=goal)
