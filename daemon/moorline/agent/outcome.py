"""How a cycle ends: one word for machines, one sentence for people."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from moorline.errors import MoorlineError, Waiting

__all__ = ["EXIT_CODES", "Outcome", "Word", "waiting"]

Word: TypeAlias = Literal[
    "converged", "proven", "repaired", "superseded", "taken back", "failed", "held", "waiting"
]

EXIT_CODES: dict[Word, int] = {
    "converged": 0,
    "proven": 0,
    "repaired": 0,
    "superseded": 0,
    "taken back": 3,
    "failed": 1,
    "held": 4,
    "waiting": 4,
}
"""What `moorline apply` returns on an outcome without a complaint."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one cycle. `record` is the id of the record that it left, if any.

    `complaint` is why the branch could not be followed, where what is proven was looked after
    instead: a remote that is away, an invalid file, a quarantined commit.

    `seconds` is when to look again at the latest, where that is known: always for "waiting", a
    rollout that stays open and goes on then; for "held" where a maintenance window opens.
    """

    word: Word
    sentence: str
    record: str = ""
    complaint: MoorlineError | None = None
    seconds: float | None = None

    @property
    def exit_code(self) -> int:
        """What `moorline apply` returns."""
        return self.complaint.exit_code if self.complaint else EXIT_CODES[self.word]


def waiting(error: Waiting) -> Outcome:
    """The end of a cycle whose rollout goes on later."""
    return Outcome("waiting", str(error), seconds=error.seconds)
