"""A person's answer to a rewritten state branch: "this commit is right".

A file of its own, because the daemon owns its memory and holds the lock; it reads this at its next
cycle. Only the very commit that was named is accepted, so an answer cannot be used for another
question later.
"""

from pathlib import Path

from moorline.adapters.storage import read_if_there, write_durably

__all__ = ["Acceptance"]


class Acceptance:
    """The last answer for one environment."""

    def __init__(self, state_dir: Path, environment: str) -> None:
        self._path = state_dir / "accepted" / environment

    def write(self, commit: str) -> None:
        """Accept `commit` (a full sha) as the state branch's tip."""
        write_durably(self._path, commit.encode())

    def read(self) -> str:
        """The commit that was accepted last; "" where none was."""
        return (read_if_there(self._path) or b"").decode().strip()
