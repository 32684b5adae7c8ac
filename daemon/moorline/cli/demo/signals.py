"""Ctrl-C and its relatives: the first one ends the story, none disturbs the cleaning up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interruptible", "turn_deaf"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block any of the signals is a KeyboardInterrupt, once."""
    before = {each: signal.signal(each, _interrupt) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def turn_deaf() -> None:
    """Ignore them for the rest of the block: what comes now has to come to its end."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    turn_deaf()
    raise KeyboardInterrupt
