"""The table on the terminal and in docs/benchmarks.md."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import Fact, Row

__all__ = ["render", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = ("what", "moorline", "against", "its time", "ratio", "goal")
FACTS = ("figure", "measured", "goal")
INTRODUCTION = """# Benchmarks

Written by `make bench`. Times are medians with the least and the most of all runs in brackets;
what is compared was measured in turn, in the same run. Absolute times are this machine's, ratios
carry over. A goal that was missed says so.

Rollouts under load: wrk asks over 6 connections without a pause, while a daemon replaces the
version again and again. A request has failed if it got no answer, one that took more than 2
seconds, or one that is not 2xx or 3xx. A canary's share is counted by who answered, while it is
paused at that step. Memory is that of a daemon with 20 services, to which each commit to another
file gives a cycle with nothing to do.

A tag move is measured on an image with one layer that nothing compresses, with a client that knows
nothing yet. A plan of retention is the decision about manifests that were read before, a tenth of
them indexes with three parts. Its calls and deletions are counted by an emulator of GHCR.

"""


def render(rows: Sequence[Row], facts: Sequence[Fact]) -> str:
    """A Markdown table of ratios and one of plain figures."""
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(_line(row.cells()) for row in rows)]
    lines += ["", _line(FACTS), _line(["---"] * len(FACTS))]
    lines += [_line(fact.cells()) for fact in facts]
    lines += ["", f"Machine: {_machine()}.", ""]
    return "\n".join(lines)


def write(text: str) -> None:
    """Replace the page."""
    PAGE.write_text(INTRODUCTION + text, encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    command = ["docker", "version", "--format", "{{.Server.Version}}, API {{.Server.APIVersion}}"]
    engine = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
        f"Docker Engine {engine}, Python {platform.python_version()}"
    )
