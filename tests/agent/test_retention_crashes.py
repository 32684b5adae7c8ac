"""Killed before and after every single call of git, the registry and its packages: each run ends
as one that was never killed, and its record is written once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.ledger import load_applied
from moorline.agent.retention.offices import Offices
from tests.agent.retention_world import RetentionWorld


class Killed(BaseException):
    """The process ends here."""


class Cut:
    """A port whose calls may be the last thing that happens."""

    def __init__(self, port: object, blade: "Blade") -> None:
        self._port = port
        self._blade = blade

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the port has)
        found = getattr(self._port, name)
        return self._blade.around(found) if callable(found) else found


class Blade:
    """Cuts at the n-th chance."""

    def __init__(self, left: int) -> None:
        self.left = left

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*args: object, **kwargs: object) -> object:
            self._chance()
            answer = call(*args, **kwargs)
            self._chance()
            return answer

        return cut

    def _chance(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def busy_world(folder: Path, *, github: bool) -> RetentionWorld:
    """An index with parts and a signature goes, an image goes, and a tag is taken off."""
    world = RetentionWorld(folder, github=github)
    world.push("amd64", age=300)
    world.push("arm64", age=300)
    world.push("index", "main-00000aa", age=300, parts=["amd64", "arm64"])
    world.push("old", "main-00000ab", age=200)
    world.push("running", "latest", "production-rollback-20260101T000000Z", age=200)
    world.pin("running")
    rules = [
        {"name": "rollbacks", "match": "*-rollback-*", "keep": "30d", "untag": True},
        {"name": "latest", "match": "latest", "keep": "forever"},
        {"name": "commits", "match": "sha", "keep": "90d"},
        {"name": "untagged", "match": "untagged", "keep": "7d"},
    ]
    world.policy(rules=rules, pace="40s")
    return world


def cut_offices(world: RetentionWorld, blade: Blade) -> Offices:
    packages: Any = Cut(world.packages, blade)
    repo: Any = Cut(world.repo, blade)
    registry: Any = Cut(world.registry, blade)
    return world.offices(repo=repo, registry=registry, packages=packages)


@pytest.mark.parametrize("github", [True, False], ids=["github", "plain"])
def test_killed_anywhere_it_ends_as_if_it_never_was(tmp_path: Path, *, github: bool) -> None:
    reached = 0
    for number in range(1, 500):
        world = busy_world(tmp_path / str(number), github=github)
        decision = world.decide()
        world.pass_days(1)
        blade = Blade(number)
        was_killed = False
        try:
            apply_due(cut_offices(world, blade))
        except Killed:
            was_killed = True
        apply_due(world.offices())
        assert world.left() == ["running"], number
        assert world.tags() == {"latest": "running"}, number
        # nothing of what took a tag over is left
        assert len(world.registry.pins) == 1, number
        applied = load_applied(world.repo, decision.id)
        told = world.says(applied)
        assert set(told.values()) == {"deleted"}, (number, told)
        assert [each.result for each in applied.packages[0].untagged] == ["deleted"], number
        assert parents_first(world.deleted())
        assert sum(path.endswith("-applied.yaml") for path in world.records()) == 1
        assert not (world.state / "journal.jsonl").exists()
        assert not (world.state / "outgoing.json").exists()
        if not was_killed:
            reached = number
            break
    assert reached > 60


def parents_first(names: list[str]) -> bool:
    return names.index("index") < min(names.index("amd64"), names.index("arm64"))
