"""`make bench`: the figures that moorline answers for, side by side."""

import argparse
import tempfile
from pathlib import Path

from moorline.core.image import ImageRef
from tests.bench.converged import converged_cycles, first_deployment, idle_cost
from tests.bench.measure import Fact, Row
from tests.bench.memory import flat_memory
from tests.bench.one_service import OneService
from tests.bench.retention import large_plan, registry_calls, slow_deletion
from tests.bench.seamless import Seamless, opened
from tests.bench.shares import canary_shares
from tests.bench.table import render, write
from tests.bench.tagmove import tag_moves
from tests.parts.haproxy import haproxy_image
from tests.parts.images import Images
from tests.parts.registry import running_registry


def main() -> None:
    """Measure, print, and write docs/benchmarks.md."""
    options = _options()
    with tempfile.TemporaryDirectory() as name, running_registry() as registry:
        folder, images = Path(name), Images(registry)
        moves, registry_facts = _registry(folder / "registry", registry, options)
        rows = _one_service(folder, images, options)
        seamless, facts = _seamless(folder, images, haproxy_image(registry), options)
        rows += seamless
        rows += converged_cycles(
            folder / "many", images, sizes=(1, 10, options.large), runs=options.runs
        )
        rows += first_deployment(
            folder / "first", images, size=options.large, runs=options.large_runs
        )
        facts += idle_cost(folder / "idle", images, seconds=options.idle_seconds)
        facts.append(flat_memory(folder / "flat", images, cycles=options.cycles))
        images.close()
    rows, facts = rows + moves, facts + registry_facts
    text = render(rows, facts)
    print(text)
    if not options.dry_run:
        write(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--rollouts", type=int, default=20, help="under load, one after the other")
    parser.add_argument("--requests", type=int, default=10_000, help="at each step of a canary")
    parser.add_argument("--cycles", type=int, default=1_000, help="over which memory is flat")
    parser.add_argument("--large", type=int, default=100, help="services of the large file")
    parser.add_argument("--large-runs", type=int, default=5)
    parser.add_argument("--versions", type=int, default=3_000, help="that a second plan lists")
    parser.add_argument("--deletions", type=int, default=500, help="of one run of retention")
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--dry-run", action="store_true", help="do not write the page")
    return parser.parse_args()


def _one_service(folder: Path, images: Images, options: argparse.Namespace) -> list[Row]:
    with OneService(folder / "one", images, options.runs) as one:
        return [*one.push(), *one.bad_push(), *one.drift(), *one.by_hand()]


def _registry(
    folder: Path, registry: str, options: argparse.Namespace
) -> tuple[list[Row], list[Fact]]:
    rows, facts = tag_moves(registry, runs=options.large_runs)
    facts += large_plan(runs=options.large_runs)
    facts.append(registry_calls(folder / "calls", versions=options.versions))
    return rows, facts + slow_deletion(folder / "deletion", versions=options.deletions)


def _seamless(
    folder: Path, images: Images, ingress: ImageRef, options: argparse.Namespace
) -> tuple[list[Row], list[Fact]]:
    with opened(folder / "seamless", ingress) as stage:
        service = Seamless(stage, images)
        rows = [service.push(options.runs)]
        facts = [*service.failed_requests(options.rollouts), service.bad_push(options.runs)]
    with opened(folder / "canary", ingress) as stage:
        facts += canary_shares(stage, images, options.requests)
    return rows, facts


if __name__ == "__main__":
    main()
