"""How the demo ends early."""

import time
from collections.abc import Callable

from moorline.errors import Stalled

__all__ = ["StepFailed", "until"]

_LOOK_EVERY = 0.03


class StepFailed(Stalled):
    """Something that the story promises did not happen."""


def until(condition: Callable[[], bool], what: str, *, within: float) -> None:
    """Wait for a condition; raises StepFailed with `what` when it does not come true."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise StepFailed(f"not within {within:.0f} s: {what}")
        time.sleep(_LOOK_EVERY)
