"""A person's answer to a rewritten state branch: "this commit is right".

A file of its own, because the daemon owns its memory and holds the lock; it reads this at its next
cycle. Only the very commit that was named is accepted, so an answer cannot be used for another
question later.
"""

from pathlib import Path

from moorline.adapters.storage import storage_errors, write_durably

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
        with storage_errors(self._path):
            return self._path.read_text().strip() if self._path.exists() else ""
