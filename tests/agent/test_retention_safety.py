"""Whatever is refused, moves or dies meanwhile: what is pinned stays, and what stays is whole."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from moorline.agent.retention.apply import apply_due
from moorline.errors import RegistryRefused, RegistryUnreachable
from tests.agent.retention_world import APP, RetentionWorld

ERRORS = {
    "refused": RegistryRefused("more than 5000 downloads"),
    "away": RegistryUnreachable("HTTP 500"),
}


@dataclass(frozen=True)
class Pushed:
    parts: tuple[str, ...]
    subject: str
    tags: tuple[str, ...]


@st.composite
def pushes(draw: st.DrawFn) -> dict[str, Pushed]:
    """Indexes in indexes that share parts, and what is attached to any of them."""
    found: dict[str, Pushed] = {}
    for number in range(draw(st.integers(2, 9))):
        before = list(found)
        parts = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        subject = draw(st.sampled_from(["", "", *before]))
        tags = (f"main-{number:06x}a",) if draw(st.booleans()) else ()
        found[f"m{number}"] = Pushed(tuple(parts), subject, tags)
    return found


def whole(world: RetentionWorld, pushed: Mapping[str, Pushed], pinned: Collection[str]) -> None:
    """Every index that is there has all its parts.

    On a plain registry those that can be found: what has neither a tag nor a pin nor an index is
    nowhere to be seen.
    """
    left = set(world.left())
    for name in left & (pushed.keys() if world.github else visible(pushed, pinned)):
        assert set(pushed[name].parts) <= left, (name, left)


def visible(pushed: Mapping[str, Pushed], pinned: Collection[str]) -> set[str]:
    """What has a tag, or is pinned, with all its parts."""
    found = {name for name, each in pushed.items() if each.tags} | set(pinned)
    # from the last to the first: an index comes after its parts
    for name in reversed(pushed):
        if name in found:
            found |= set(pushed[name].parts)
    return found


@settings(max_examples=150, deadline=None)
@given(pushes(), st.data(), st.booleans())
def test_what_stays_is_whole(
    pushed: dict[str, Pushed],
    data: st.DataObject,
    github: bool,  # noqa: FBT001  (hypothesis passes what it draws by position)
) -> None:
    names = st.sampled_from(list(pushed))
    with tempfile.TemporaryDirectory() as folder:
        world = RetentionWorld(Path(folder), github=github)
        for name, each in pushed.items():
            world.push(name, *each.tags, age=300, parts=each.parts, subject=each.subject)
        world.push("kept", "latest")
        pinned = data.draw(st.lists(names, max_size=2, unique=True))
        world.pin("kept", *pinned)
        world.policy(pace=data.draw(st.sampled_from(["1s", "40s", "70s"])))
        world.decide()
        world.pass_days(1)
        for name, kind in data.draw(st.dictionaries(names, st.sampled_from([*ERRORS]))).items():
            world.fail("delete", name, ERRORS[kind])
        late = data.draw(st.lists(names, max_size=1))
        moment = data.draw(names)
        world.while_deleting(moment, lambda: world.pin("kept", *pinned, *late))
        for _ in range(3):
            run(world)
            whole(world, pushed, pinned)
            assert {"kept", *pinned} <= set(world.left())
            world.packages.errors.clear()
        assert not (world.state / "journal.jsonl").exists()
        assert all(f"{APP}:{tag}" in world.registry.tagged for tag in ["latest"])


def run(world: RetentionWorld) -> None:
    try:
        apply_due(world.offices())
    except RegistryUnreachable:
        assert (world.state / "journal.jsonl").exists()
