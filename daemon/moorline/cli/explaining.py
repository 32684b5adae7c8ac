"""What `moorline validate --explain` says about strategies."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from moorline.cli.output import say
from moorline.core.compose.strategies import Choice
from moorline.core.values import JsonObject

__all__ = ["Choices", "choices_data", "say_choices"]

Choices: TypeAlias = Mapping[Path, Sequence[Choice]]


def say_choices(services: Choices) -> None:
    """For people: one paragraph for each service."""
    for path, several in services.items():
        for choice in several:
            say("\n".join((f"{path}: {choice.service}: {choice.strategy}", *_others(choice))))


def _others(choice: Choice) -> Iterator[str]:
    others = {name: why for name, why in choice.against.items() if name != choice.strategy}
    possible = [name for name, reasons in others.items() if not reasons]
    if possible:
        yield f"  possible: {', '.join(possible)}"
    for reasons in dict.fromkeys(each for each in others.values() if each):
        names = [name for name, each in others.items() if each == reasons]
        yield f"  not {', '.join(names)}:"
        yield from (f"    {reason}" for reason in reasons)


def choices_data(several: Sequence[Choice]) -> JsonObject:
    """For programs."""
    return {
        choice.service: {
            "strategy": choice.strategy,
            "against": {name: list(reasons) for name, reasons in choice.against.items()},
        }
        for choice in several
    }
