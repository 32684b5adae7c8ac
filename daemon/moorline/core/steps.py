"""Steps of a plan while it is being made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from moorline.core.actions import Action, Step

__all__ = ["Steps"]


@dataclass(slots=True)
class Steps:
    """Steps so far, in an order that is already a correct one to run them in."""

    steps: list[Step] = field(default_factory=list)
    ready: tuple[int, ...] = ()
    stopped: dict[str, int] = field(default_factory=dict)
    """Container id → the step that stops it."""
    begun: dict[str, list[int]] = field(default_factory=dict)
    """Service → the steps after which its slots run."""
    mended: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Container id → the last step that undoes what was done to it by hand."""
    moved: dict[str, list[int]] = field(default_factory=dict)
    """Service → the last steps that move its traffic."""
    left: dict[str, int] = field(default_factory=dict)
    """Container id → the step that takes it off its track."""
    listening: dict[str, int] = field(default_factory=dict)
    """Service → the step after which the ingress listens as the file says."""
    removed: dict[str, int] = field(default_factory=dict)
    """Container id → the step that removes it."""
    released: dict[str, int] = field(default_factory=dict)
    """Service → the step with which the ingress lets go of its ports."""

    def add(self, action: Action, after: Iterable[int] = ()) -> int:
        self.steps.append(Step(action, tuple(sorted(set(after)))))
        return len(self.steps) - 1

    def chain(self, actions: Iterable[Action], after: Sequence[int]) -> tuple[int, ...]:
        """Add actions one behind the other; returns the last, or () where there were none."""
        last: tuple[int, ...] = ()
        for action in actions:
            last = (self.add(action, last or after),)
        return last

    def frontier(self) -> tuple[int, ...]:
        """The steps that nothing comes after yet: to be after these is to be after all."""
        inner = {number for step in self.steps for number in step.after}
        return tuple(number for number in range(len(self.steps)) if number not in inner)
