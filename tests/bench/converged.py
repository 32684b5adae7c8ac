"""Figures of many services: the cycle that finds nothing to do, the first deployment, idling."""

import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from moorline.agent.config import load_config
from moorline.agent.cycle import Cycle
from moorline.agent.daemon.fetching import PolledFetch
from moorline.agent.durable.ledger import Ledger
from moorline.agent.host import Host
from moorline.agent.report import SilentReporter
from moorline.agent.wiring import open_host
from tests.bench.by_hand import compose
from tests.bench.measure import Fact, Row, alternate, stopwatch
from tests.bench.processes import MIB, processor_time, resident
from tests.e2e.stage import Stage
from tests.parts.images import Images

__all__ = ["converged_cycles", "first_deployment", "idle_cost"]


def converged_cycles(
    folder: Path, images: Images, *, sizes: Sequence[int], runs: int
) -> list[Row]:
    """A cycle in the daemon, fetch included, against `docker compose up -d` on the same file."""
    return [_converged(folder / str(size), images, size, runs) for size in sizes]


def first_deployment(folder: Path, images: Images, *, size: int, runs: int) -> list[Row]:
    """From nothing to everything started."""
    ours, theirs = alternate(
        runs,
        lambda run: _deploy_ours(folder / f"ours-{run}", images, size),
        lambda run: _deploy_theirs(folder / f"theirs-{run}", images, size),
    )
    what = f"first deployment of {size} services, all running"
    return [Row(what=what, ours=ours, against="docker compose up -d", theirs=theirs, goal=1)]


def idle_cost(folder: Path, images: Images, *, seconds: float) -> list[Fact]:
    """Processor time and memory of a daemon with 20 services and nothing to do."""
    folder.mkdir(parents=True)
    stage = Stage(folder)
    try:
        stage.configure(poll="30s")
        sha = stage.push(_services(images, 20))
        daemon = stage.start()
        stage.wait_deployed(sha, within=120)
        pid = daemon.process.pid
        time.sleep(2)  # let the last cycle end: what follows is measured over a fixed time
        before = processor_time(pid)
        time.sleep(seconds)
        used = processor_time(pid) - before
        memory = resident(pid) / MIB
        daemon.stop()
    finally:
        stage.close()
    share = 100 * used / seconds
    what = "idle daemon, 20 services"
    return [
        Fact(
            f"{what}, {seconds:.0f} s: processor",
            f"{share:.2f} % of a core",
            "< 0.2 %",
            met=share < 0.2,
        ),
        Fact(f"{what}: resident memory", f"{memory:.0f} MiB", "< 80 MiB", met=memory < 80),
    ]


def _cycle(host: Host, environment: str) -> Cycle:
    """Cycles that ask the remote each time."""
    fetch = PolledFetch(host.repo, host.clock, host.reporter, interval=0)
    return Cycle(host, Ledger.open(host.config, environment), fetch=fetch)


def _converged(folder: Path, images: Images, size: int, runs: int) -> Row:
    folder.mkdir(parents=True)
    stage = Stage(folder)
    try:
        stage.push(_services(images, size))
        config = load_config(stage.config)
        with open_host(config, SilentReporter(), threading.Event()) as host:
            cycle = _cycle(host, stage.environment)
            cycle.run(suspect=lambda _id: False)

            def ours(_run: int) -> float:
                return stopwatch(lambda: cycle.run(suspect=lambda _id: False))

            file = _compose_file(folder, images, size)
            _compose(file, "up", "-d")
            measured = alternate(
                runs, ours, lambda _run: stopwatch(lambda: _compose(file, "up", "-d"))
            )
            _compose_down(file)
    finally:
        stage.close()
    what = f"converged cycle, {size} service{'s' if size > 1 else ''}"
    against = "docker compose up -d, whole process"
    return Row(what=what, ours=measured[0], against=against, theirs=measured[1], goal=0.5)


def _deploy_ours(folder: Path, images: Images, size: int) -> float:
    folder.mkdir(parents=True)
    stage = Stage(folder)
    try:
        stage.push(_services(images, size))
        config = load_config(stage.config)
        stop = threading.Event()
        with open_host(config, SilentReporter(), stop) as host:
            cycle = _cycle(host, stage.environment)
            return stopwatch(lambda: cycle.run(suspect=lambda _id: False))
    finally:
        _remove_all(stage)
        stage.close()


def _deploy_theirs(folder: Path, images: Images, size: int) -> float:
    file = _compose_file(folder, images, size)
    taken = stopwatch(lambda: _compose(file, "up", "-d"))
    _compose_down(file)
    return taken


def _services(images: Images, size: int) -> dict[str, object]:
    """Services without a check, as Compose would take them: up is up."""
    one = {
        "image": str(images("plain", "1")),
        "stop_grace_period": "2s",
        "x-moorline": {"health": {"stability": "0s"}},
    }
    return {f"s{number:03}": dict(one) for number in range(size)}


def _compose_file(folder: Path, images: Images, size: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"moorline-bench-{size}.yaml"
    name = f"moorline-bench-{folder.name}-{size}"
    text = yaml.safe_dump({"name": name, "services": _services(images, size)})
    file.write_text(text)
    return file


def _compose(file: Path, *words: str) -> None:
    subprocess.run([*compose(), "-f", str(file), *words], check=True, capture_output=True)


def _compose_down(file: Path) -> None:
    """Clean up. An engine that started and stopped a hundred containers may count one of them to
    a network for ever and keep that network; containers may not be left.
    """
    project = [*compose(), "-f", str(file)]
    subprocess.run([*project, "down", "-t", "2"], check=False, capture_output=True)
    left = subprocess.run([*project, "ps", "-aq"], check=True, capture_output=True).stdout
    if left:
        raise RuntimeError(f"docker compose down left containers of {file}")


def _remove_all(stage: Stage) -> None:
    """Quickly, several at once: this is not what is measured."""
    ids = [str(each["Id"]) for each in stage.containers()]
    if ids:
        subprocess.run(["docker", "rm", "-f", *ids], check=True, capture_output=True)
