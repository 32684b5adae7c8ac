"""Figures of blue-green: requests that fail, the time of a push, the time of going back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.core.image import ImageRef
from tests.bench.by_hand import Bare
from tests.bench.load import Load, Wrk
from tests.bench.measure import Fact, Row, alternate, pause_until, serving, spread, stopwatch
from tests.bench.moving import next_start, publish, settle, starts, when
from tests.e2e.stage import Stage, plain
from tests.parts.images import Images

__all__ = ["Seamless", "behind_ingress", "opened"]

PORT = 18951
CLOSE = "Connection: close"
PATIENCE = 120.0


def behind_ingress(
    image: ImageRef, port: int, *, strategy: str = "blue-green", **keys: object
) -> dict[str, object]:
    """A service behind the ingress, probed from outside; proven with the first good look."""
    health = {"http": "http://:3000/health", "deadline": "30s", "stability": "0s"}
    return {
        **plain(image, ports=[f"127.0.0.1:{port}:3000"], healthcheck={"disable": True}),
        "x-moorline": {"strategy": strategy, "health": health, **keys},
    }


@contextmanager
def opened(folder: Path, ingress: ImageRef) -> Iterator[Stage]:
    """A stage whose host has an ingress, and its daemon."""
    folder.mkdir()
    stage = Stage(folder, ingress=str(ingress))
    try:
        # polling far apart: what is measured is the watch, as for any state repo on the host
        stage.configure(poll="60s")
        stage.start()
        yield stage
    finally:
        for daemon in stage.daemons:
            daemon.stop()
        stage.close()


class Seamless:
    """One blue-green service that changes again and again."""

    def __init__(self, stage: Stage, images: Images) -> None:
        self._stage = stage
        self._versions = [images("healthy", str(number)) for number in (1, 2)]
        self._current = 0
        stage.deploy({"web": behind_ingress(self._versions[0], PORT)})

    def failed_requests(self, rollouts: int) -> list[Fact]:
        """Rollouts one after the other under load, with and without keep-alive."""
        facts = []
        for name, headers in (("keep-alive", ()), ("a connection for each", (CLOSE,))):
            load = self._under_load(rollouts, *headers)
            what = f"failed requests in {rollouts} blue-green rollouts, {name}"
            facts.append(Fact(what, str(load), "0", met=load.failed == 0))
        return facts

    def push(self, runs: int) -> Row:
        """A new version beside the old one, up to its first answer through the ingress."""
        bare = Bare(f"{self._stage.environment}-bare")

        def theirs(run: int) -> float:
            began = time.perf_counter()
            container = bare.deploy(self._versions[run % 2], str(run % 2 + 1))
            taken = time.perf_counter() - began
            bare.remove(container)
            return taken

        try:
            ours, engine = alternate(runs, lambda _run: self._switch(), theirs)
        finally:
            bare.close()
        return Row(
            what="blue-green: push → new version answers (image local)",
            ours=ours,
            against="engine calls: create, start, probe",
            theirs=engine,
            goal=1.3,
        )

    def bad_push(self, runs: int) -> Fact:
        """A smoke test that fails once all requests have moved: from its end to the way back."""
        seconds = [self._fail_once() for _ in range(runs)]
        what = "blue-green: verdict on a bad push → old version answers"
        return Fact(what, spread(seconds), "≤ 1 s", met=max(seconds) <= 1)

    def _under_load(self, rollouts: int, *headers: str) -> Load:
        settle(self._stage)
        wrk = Wrk(f"http://127.0.0.1:{PORT}/", *headers)
        try:
            for _ in range(rollouts):
                sha = self._publish_next()
                self._stage.wait_deployed(sha, within=PATIENCE)
            return wrk.stop()
        finally:
            wrk.kill()

    def _publish_next(self) -> str:
        self._current = 1 - self._current
        service = behind_ingress(self._versions[self._current], PORT)
        return publish(self._stage, {"web": service})

    def _switch(self) -> float:
        settle(self._stage)
        with starts(self._stage) as started:
            self._publish_next()
            return stopwatch(lambda: self._await_current(started))

    def _await_current(self, started: Iterator[dict[str, object]]) -> None:
        next_start(started, self._versions[self._current].pin)
        # the old version answers each look meanwhile, which takes time from the daemon
        pause_until(lambda: self._answers(self._current), every=0.005)

    def _answers(self, number: int) -> bool:
        return serving(PORT, "/", f"version={number + 1}")

    def _fail_once(self) -> float:
        settle(self._stage)
        bad = 1 - self._current
        smoke = {"name": "smoke", "command": ["sh", "-c", "sleep 1; exit 1"], "timeout": "10s"}
        service = behind_ingress(self._versions[bad], PORT, jobs={"after": [smoke]})
        sha = publish(self._stage, {"web": service})
        pause_until(lambda: self._answers(bad))
        pause_until(lambda: self._answers(self._current))
        back = time.time()
        self._stage.wait_deployed(sha, "taken back")
        return back - when(self._stage.record(sha), "verdict")
