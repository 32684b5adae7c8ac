"""The table on the terminal and in docs/benchmarks.md."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import Row

__all__ = ["render", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = ("what", "moorline", "against", "its time", "ratio", "goal")
INTRODUCTION = """# Benchmarks

Written by `make bench`. Times are medians with the least and the most of all runs in brackets;
what is compared was measured in turn, in the same run. Absolute times are this machine's, ratios
carry over.

"""


def render(rows: Sequence[Row], facts: Sequence[tuple[str, str]]) -> str:
    """A Markdown table of ratios and one of plain figures."""
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(_line(row.cells()) for row in rows)]
    lines += ["", _line(("figure", "measured")), _line(("---", "---"))]
    lines += [_line(fact) for fact in facts]
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
