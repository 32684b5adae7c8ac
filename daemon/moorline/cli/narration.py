"""Who is told what happens while it happens: a person on a terminal, or a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from moorline.agent.report import LogReporter, Reporter
from moorline.cli import logging

__all__ = ["narrated"]


@contextmanager
def narrated() -> Iterator[Reporter]:
    """A reporter for one command: live lines on a terminal, log lines on stderr elsewhere."""
    if not sys.stderr.isatty():
        logging.configure()
        yield LogReporter()
        return
    # rich costs a tenth of a second, and only a terminal needs it
    from rich.console import Console  # noqa: PLC0415

    from moorline.cli.terminal import TerminalReporter  # noqa: PLC0415

    reporter = TerminalReporter(Console(stderr=True))
    with reporter.live():
        yield reporter
