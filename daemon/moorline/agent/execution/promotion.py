"""A person's word that a paused canary may go on.

A file of its own, because the daemon owns its journal; it reads this at its next look at the
canary. It names the deployment and the step, so that it counts once and for that step only.
"""

from pathlib import Path

from moorline.adapters.storage import read_if_there, write_durably

__all__ = ["Promotion"]


class Promotion:
    """The last word for one service of an environment."""

    def __init__(self, state_dir: Path, environment: str, service: str) -> None:
        self._path = state_dir / "promoted" / environment / service

    def write(self, deployment: str, step: int) -> None:
        """Let the canary of `deployment` leave `step`, counted from 0."""
        write_durably(self._path, _words(deployment, step))

    def given(self, deployment: str, step: int) -> bool:
        """Whether it may leave that very step."""
        return read_if_there(self._path) == _words(deployment, step)


def _words(deployment: str, step: int) -> bytes:
    return f"{deployment} {step}".encode()
