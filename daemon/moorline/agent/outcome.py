"""How a cycle ends: one word for machines, one sentence for people."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["EXIT_CODES", "Outcome", "Word"]

Word: TypeAlias = Literal[
    "converged", "proven", "repaired", "superseded", "taken back", "failed", "held"
]

EXIT_CODES: dict[Word, int] = {
    "converged": 0,
    "proven": 0,
    "repaired": 0,
    "superseded": 0,
    "taken back": 3,
    "failed": 1,
    "held": 4,
}
"""What `moorline apply` returns."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one cycle. `record` is the id of the record that it left, if any."""

    word: Word
    sentence: str
    record: str = ""
