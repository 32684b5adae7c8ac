"""What a verb prints: results on stdout and nothing else there, remarks on stderr."""

import json
import re
import shutil
import sys
from collections.abc import Sequence

import click

from moorline.core.values import Json

__all__ = ["columns", "emit", "on_terminal", "printable", "remark", "say", "shortened"]

_DIGEST = re.compile(r"@sha256:([0-9a-f]{12})[0-9a-f]{52}", re.ASCII)


def say(text: str) -> None:
    """One line or more of a result."""
    click.echo(printable(text))


def remark(text: str) -> None:
    """Something beside the result that a person may want to know."""
    click.echo(printable(f"moorline: {text}"), err=True)


def emit(data: Json) -> None:
    """A result for machines."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def on_terminal() -> bool:
    """Whether a person reads the result."""
    return sys.stdout.isatty()


def shortened(text: str) -> str:
    """Digests as short as people need them."""
    return _DIGEST.sub(r"@\1", text)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns; on a terminal the last one is cut where the line ends."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)][:-1]
    lines = (
        "  ".join((*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1])).rstrip()
        for row in ([printable(cell.replace("\n", " ")) for cell in row] for row in rows)
    )
    if not on_terminal():
        return "\n".join(lines)
    width = shutil.get_terminal_size().columns
    return "\n".join(each if len(each) <= width else f"{each[: width - 1]}…" for each in lines)


def printable(text: str) -> str:
    """The same lines, harmless: text from a file, git or a container must not move the cursor."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)
