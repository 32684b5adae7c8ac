"""All that ever stood in a folder, as every StateRepo tells it: on git and on the fake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from moorline.adapters.staterepo.formats import blob_oid
from moorline.adapters.staterepo_port import FileChange, StateRepo
from moorline.errors import NotFound, Stalled, UsageError
from tests.adapters.staterepo_mirror import changes, mirror
from tests.fakes.staterepo import FakeRemote, FakeStateRepo
from tests.parts.git import Remote

FILE = "environments/production.yaml"
DEEP = "environments/jobs/deep/notes.txt"
NOWHERE = "1" * 40
FIRST, MIDDLE, LAST = 1_790_000_000.0, 1_790_000_060.0, 1_790_000_120.0


class Dated(Protocol):
    """One commit on main, pushed, that claims to be of a moment."""

    def __call__(self, files: Mapping[str, bytes | None], at: float) -> str: ...


@dataclass(frozen=True)
class World:
    """A remote that people commit to, and a host that looks at it."""

    commit: Dated
    repo: StateRepo
    append: Callable[[str, Mapping[str, bytes]], object]


def put(remote: Remote, files: Mapping[str, bytes | None], at: float) -> str:
    """A dated commit, made without a work tree."""
    parts = [b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx\n" % at]
    if tip := remote.tip():
        parts.append(f"from {tip}\n".encode())
    for path, data in files.items():
        if data is None:
            parts.append(f"D {path}\n".encode())
            continue
        parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    remote.git("fast-import", "--quiet", data=b"".join(parts))
    return remote.tip() or ""


def _real(folder: Path) -> World:
    remote = Remote(folder / "remote.git")
    repo = mirror(folder, remote)
    return World(
        lambda files, at: put(remote, files, at),
        repo,
        lambda branch, files: repo.append(branch, files, message="Record"),
    )


def _fake(_: Path) -> World:
    remote = FakeRemote()
    repo = FakeStateRepo(remote)
    return World(
        lambda files, at: remote.commit(files, at=at),
        repo,
        lambda branch, files: repo.append(branch, files, message="Record"),
    )


@pytest.fixture(params=[_real, _fake], ids=["git", "fake"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


def change(commit: str, at: float, path: str, old: bytes | None, new: bytes | None) -> FileChange:
    return FileChange(
        commit=commit,
        at=at,
        path=path,
        old="" if old is None else blob_oid(old),
        new="" if new is None else blob_oid(new),
    )


# --- every change ---


def test_every_change_of_a_file_is_told_newest_first(world: World) -> None:
    first = world.commit({FILE: b"1", "README.md": b"hello"}, FIRST)
    world.commit({"README.md": b"bye"}, MIDDLE)
    second = world.commit({FILE: b"2"}, MIDDLE)
    third = world.commit({FILE: None, DEEP: b"2"}, LAST)
    found = changes(world.repo)
    assert sorted(found[:2], key=lambda each: each.path) == [
        change(third, LAST, DEEP, None, b"2"),  # a rename is an end and a beginning
        change(third, LAST, FILE, b"2", None),
    ]
    assert found[2:] == [
        change(second, MIDDLE, FILE, b"1", b"2"),
        change(first, FIRST, FILE, None, b"1"),
    ]


@pytest.mark.parametrize("at", [1.0, 4_102_444_800.0], ids=["1970", "2100"])
def test_a_wrong_clock_hides_nothing(world: World, at: float) -> None:
    first = world.commit({FILE: b"1"}, FIRST)
    second = world.commit({FILE: b"2"}, at)
    third = world.commit({FILE: b"3"}, LAST)
    assert [(each.commit, each.at) for each in changes(world.repo)] == [
        (third, LAST),
        (second, at),
        (first, FIRST),
    ]


def test_a_folder_that_never_was_has_no_changes(world: World) -> None:
    world.commit({"README.md": b"1", "environments.yaml": b"1"}, FIRST)
    assert changes(world.repo) == []
    assert list(world.repo.files(world.repo.fetch(), "environments")) == []


def test_changes_are_those_of_the_asked_commit(world: World) -> None:
    first = world.commit({FILE: b"1"}, FIRST)
    world.commit({FILE: b"2"}, LAST)
    world.repo.fetch()
    assert [each.commit for each in world.repo.changes(first, "environments")] == [first]
    with pytest.raises(NotFound):
        world.repo.changes(NOWHERE, "environments")


@pytest.mark.parametrize("folder", ["", "..", "/etc", "a//b", "--all", ":(top)x"])
def test_an_odd_folder_finds_nothing_else(world: World, folder: str) -> None:
    tip = world.commit({FILE: b"1"}, FIRST)
    world.repo.fetch()
    for ask in (world.repo.changes, world.repo.files):
        try:
            assert list(ask(tip, folder)) == []
        except UsageError:
            continue


# --- files and their contents ---


def test_files_are_listed_however_deep(world: World) -> None:
    tip = world.commit({FILE: b"1", DEEP: b"2", "README.md": b"3"}, FIRST)
    world.repo.fetch()
    assert list(world.repo.files(tip, "environments")) == [
        (DEEP, blob_oid(b"2")),
        (FILE, blob_oid(b"1")),
    ]
    with pytest.raises(NotFound):
        world.repo.files(NOWHERE, "environments")


def test_blobs_have_the_bytes_that_were_committed(world: World) -> None:
    contents = [b"", b"\n", b"no newline", b"\0\xff\n\n", b"x" * 1024 * 1024]
    world.commit({f"environments/{n}": data for n, data in enumerate(contents)}, FIRST)
    world.repo.fetch()
    wanted = [blob_oid(data) for data in contents]
    assert world.repo.blobs([*wanted, *wanted]) == dict(zip(wanted, contents, strict=True))


def test_no_blobs_are_none(world: World) -> None:
    # before any fetch, so that there is nothing to ask
    assert world.repo.blobs(()) == {}


def test_a_blob_that_is_too_large_is_named(world: World) -> None:
    large, small = b"x" * (1024 * 1024 + 1), b"small"
    world.commit({FILE: large, DEEP: small}, FIRST)
    world.repo.fetch()
    both = [blob_oid(large), blob_oid(small)]
    with pytest.raises(Stalled, match=blob_oid(large)):
        world.repo.blobs(both)
    assert world.repo.blobs(both, skip_large=True) == {blob_oid(small): small}


def test_a_blob_that_is_nowhere_is_not_left_out(world: World) -> None:
    world.commit({FILE: b"1"}, FIRST)
    world.repo.fetch()
    with pytest.raises(Stalled, match=NOWHERE):
        world.repo.blobs([blob_oid(b"1"), NOWHERE], skip_large=True)


@pytest.mark.parametrize("oid", ["", "HEAD", "--batch-all-objects", "a" * 39, "a" * 40 + "\n"])
def test_only_whole_object_names_are_asked_for(world: World, oid: str) -> None:
    world.commit({FILE: b"1"}, FIRST)
    world.repo.fetch()
    with pytest.raises(UsageError):
        world.repo.blobs([oid])


def test_the_tips_of_all_history_branches_are_known(world: World) -> None:
    world.commit({FILE: b"1"}, FIRST)
    world.repo.fetch()
    assert world.repo.history_tips() == {}
    one = world.append("history/production/web-1", {"backups/1.yaml": b"1"})
    two = world.append("history/retention", {"retention/1.yaml": b"2"})
    assert world.repo.history_tips() == {"history/production/web-1": one, "history/retention": two}
