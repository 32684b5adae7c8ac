"""What every action is made of."""

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["OnContainer", "Reasoned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoned:
    """Every action also has a `subject`: what it is about, in the file's words."""

    verb: ClassVar[str]
    why: str

    @property
    def detail(self) -> str:
        """The rest that a reader wants to see."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnContainer(Reasoned):
    """About one container: its id where the plan saw it, its name where it creates it."""

    service: str
    number: int
    target: str

    @property
    def subject(self) -> str:
        return f"{self.service} #{self.number}"
