"""`make bench`: the figures that moorline answers for, side by side."""

import argparse
import tempfile
from pathlib import Path

from tests.bench.converged import converged_cycles, first_deployment, idle_cost
from tests.bench.one_service import OneService
from tests.bench.table import render, write
from tests.parts.images import Images
from tests.parts.registry import running_registry


def main() -> None:
    """Measure, print, and write docs/benchmarks.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--large", type=int, default=100, help="services of the large file")
    parser.add_argument("--large-runs", type=int, default=5)
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--dry-run", action="store_true", help="do not write the page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_registry() as registry:
        images = Images(registry)
        with OneService(Path(folder, "one"), images, options.runs) as one:
            rows = [*one.push(), *one.bad_push(), *one.drift(), *one.by_hand()]
        rows += converged_cycles(
            Path(folder, "many"), images, sizes=(1, 10, options.large), runs=options.runs
        )
        rows += first_deployment(
            Path(folder, "first"), images, size=options.large, runs=options.large_runs
        )
        facts = idle_cost(Path(folder, "idle"), images, seconds=options.idle_seconds)
        images.close()
    text = render(rows, facts)
    print(text)
    if not options.dry_run:
        write(text)


if __name__ == "__main__":
    main()
