"""Histories that are not a line, files that are not plain, and what a mirror may have lost."""

from pathlib import Path

import pytest

from moorline.adapters.staterepo import GitStateRepo
from moorline.adapters.staterepo.formats import blob_oid
from moorline.adapters.staterepo_port import FileChange
from moorline.errors import MoorlineError, Stalled
from tests.adapters.staterepo_mirror import changes, mirror
from tests.fakes.staterepo import FakeRemote, FakeStateRepo
from tests.parts.git import Clone, Remote, git

FILE = "environments/production.yaml"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote.git")
    made.commit({FILE: "1"})
    return made


@pytest.fixture
def clone(remote: Remote, tmp_path: Path) -> Clone:
    return remote.clone(tmp_path / "clone")


@pytest.fixture
def repo(remote: Remote, tmp_path: Path) -> GitStateRepo:
    return mirror(tmp_path, remote)


def contents(repo: GitStateRepo, found: list[FileChange]) -> set[bytes]:
    oids = {oid for each in found for oid in (each.old, each.new) if oid}
    return set(repo.blobs(oids).values())


def test_a_merge_hides_neither_side(repo: GitStateRepo, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "side")
    clone.commit({FILE: "early"})
    clone.commit({FILE: "side"})
    clone.git("checkout", "--quiet", "main")
    clone.commit({FILE: "main"})
    clone.git("merge", "--quiet", "--no-ff", "--no-commit", "--strategy=ours", "side")
    merge = clone.commit({FILE: "merged"})
    clone.push()
    found = changes(repo)
    assert {each.old for each in found if each.commit == merge} == {
        blob_oid(b"side"),
        blob_oid(b"main"),
    }
    assert contents(repo, found) == {b"1", b"early", b"side", b"main", b"merged"}


@pytest.mark.parametrize("strategy", ["ours", "theirs"])
def test_a_merge_that_takes_one_side_is_a_change_of_the_other(
    repo: GitStateRepo, clone: Clone, strategy: str
) -> None:
    clone.git("checkout", "--quiet", "-b", "side")
    clone.commit({FILE: "early"})
    clone.commit({FILE: "side"})
    clone.git("checkout", "--quiet", "main")
    clone.commit({FILE: "main"})
    clone.git("merge", "--quiet", "--no-ff", "--no-commit", "--strategy=ours", "side")
    merge = clone.commit({FILE: "main" if strategy == "ours" else "side"})
    clone.push()
    loser, winner = (b"side", b"main") if strategy == "ours" else (b"main", b"side")
    found = changes(repo)
    # the loser was pinned until this very commit
    assert [(each.old, each.new) for each in found if each.commit == merge] == [
        (blob_oid(loser), blob_oid(winner))
    ]
    assert contents(repo, found) == {b"1", b"early", b"side", b"main"}


def test_a_history_with_two_beginnings_is_seen_whole(repo: GitStateRepo, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--orphan", "other")
    clone.git("rm", "-r", "--quiet", "--force", ".")
    clone.commit({"environments/other.yaml": "other"})
    clone.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "Join", "main")
    clone.push()
    assert contents(repo, changes(repo)) == {b"1", b"other"}


def test_a_mode_is_no_content(repo: GitStateRepo, clone: Clone) -> None:
    (clone.path / FILE).chmod(0o755)
    clone.commit()
    (clone.path / FILE).unlink()
    (clone.path / FILE).symlink_to("elsewhere")
    clone.commit()
    clone.push()
    found = changes(repo)
    assert [(each.old, each.new) for each in found[:2]] == [
        (blob_oid(b"1"), blob_oid(b"elsewhere")),
        (blob_oid(b"1"), blob_oid(b"1")),
    ]
    assert repo.files(repo.fetch(), "environments") == [(FILE, blob_oid(b"elsewhere"))]


def test_a_submodule_has_no_content(repo: GitStateRepo, clone: Clone) -> None:
    def point(path: str) -> None:
        clone.git("update-index", "--add", "--cacheinfo", f"160000,{clone.sha()},{path}")
        clone.git("commit", "--quiet", "-m", "Point elsewhere")

    point("environments/module")
    point("environments/module")
    (clone.path / FILE).unlink()
    clone.git("rm", "--quiet", "--cached", FILE)
    point(FILE)
    clone.push()
    found = changes(repo)
    # in place of the file it is the file's end; by itself it is nothing
    assert [(each.path, each.old, each.new) for each in found] == [
        (FILE, blob_oid(b"1"), ""),
        (FILE, "", blob_oid(b"1")),
    ]
    assert list(repo.files(repo.fetch(), "environments")) == []


def test_a_path_may_look_like_anything(repo: GitStateRepo, remote: Remote) -> None:
    names = [
        ":100644 100644 a b M",
        "a\nb",
        "a\tb",
        " ",
        '"',
        "\\n",
        "x\xff".encode("latin-1"),
        b"x\xfe",
    ]
    raw = [name if isinstance(name, bytes) else name.encode() for name in names]
    entries = [
        b"100644 blob %s\t%s"
        % (remote.git("hash-object", "-w", "--stdin", data=b"%d" % n).encode(), name)
        for n, name in enumerate(raw)
    ]
    tree = remote.git("mktree", "-z", data=b"\0".join(entries))
    root = remote.git("mktree", data=f"040000 tree {tree}\tenvironments\n".encode())
    remote.reset(remote.git("commit-tree", "-m", "x", "-p", remote.tip() or "", root))
    tip = repo.fetch()
    wanted = {b"%d" % n for n in range(len(raw))}
    assert contents(repo, changes(repo)) == {b"1", *wanted}
    assert {oid for _, oid in repo.files(tip, "environments")} == {blob_oid(n) for n in wanted}


def test_a_message_may_look_like_a_change(repo: GitStateRepo, clone: Clone) -> None:
    sha = "0" * 39 + "1"
    clone.commit({FILE: "2"}, f":100644 100644 {sha} {sha} M\n\n{sha} 5\n")
    clone.push()
    assert contents(repo, changes(repo)) == {b"1", b"2"}


def test_a_graph_of_commits_changes_nothing(
    repo: GitStateRepo, remote: Remote, tmp_path: Path
) -> None:
    for number in range(20):
        remote.commit({FILE: str(number), f"environments/\u6d4b{number}.yaml": "x"})
    before = changes(repo)
    git("commit-graph", "write", "--reachable", "--changed-paths", cwd=tmp_path / "mirror.git")
    assert changes(repo) == before
    assert len(before) == 41


# --- what cannot be seen ---


def test_a_mirror_with_a_part_of_the_history_is_refused(
    repo: GitStateRepo, remote: Remote, tmp_path: Path
) -> None:
    remote.commit({FILE: "2"})
    tip = repo.fetch()
    (tmp_path / "mirror.git" / "shallow").write_text(f"{tip}\n")
    with pytest.raises(Stalled, match="part of the history") as caught:
        repo.changes(tip, "environments")
    assert "--unshallow" in caught.value.mend


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_a_remote_with_a_part_of_the_history_is_refused(
    repo: GitStateRepo, remote: Remote, tmp_path: Path, *, is_known: bool
) -> None:
    if is_known:
        # git would leave the branch where it was, and say that all is well
        repo.fetch()
    for number in range(3):
        remote.commit({FILE: f"new {number}"})
    source = f"file://{remote.path}"
    git("clone", "--quiet", "--bare", "--depth=2", source, "part.git", cwd=tmp_path)
    remote.path.rename(tmp_path / "full.git")
    (tmp_path / "part.git").rename(remote.path)
    with pytest.raises(Stalled, match="part of its history") as caught:
        repo.fetch()
    assert "--unshallow" in caught.value.mend


def test_a_shallow_fake_refuses_too() -> None:
    remote = FakeRemote(shallow=True)
    tip = remote.commit({FILE: "1"})
    with pytest.raises(Stalled):
        FakeStateRepo(remote).changes(tip, "environments")


def loose(folder: Path, oid: str) -> Path:
    return folder / "objects" / oid[:2] / oid[2:]


@pytest.mark.parametrize("damage", ["gone", "empty", "another"])
def test_a_blob_that_the_mirror_lost_comes_back(
    repo: GitStateRepo, tmp_path: Path, damage: str
) -> None:
    repo.fetch()
    folder, oid = tmp_path / "mirror.git", blob_oid(b"1")
    _unpack(folder)
    _damage(loose(folder, oid), damage)
    assert repo.blobs([oid]) == {oid: b"1"}


def test_a_blob_that_the_remote_lost_too_is_an_error(
    repo: GitStateRepo, remote: Remote, tmp_path: Path
) -> None:
    repo.fetch()
    oid = blob_oid(b"1")
    for folder in (tmp_path / "mirror.git", remote.path):
        _unpack(folder)
        _damage(loose(folder, oid), "gone")
    with pytest.raises(MoorlineError):
        repo.blobs([oid])


def test_a_commit_that_the_mirror_lost_comes_back(
    repo: GitStateRepo, remote: Remote, tmp_path: Path
) -> None:
    first = remote.tip() or ""
    remote.commit({FILE: "2"})
    tip, folder = repo.fetch(), tmp_path / "mirror.git"
    whole = repo.changes(tip, "environments")
    _unpack(folder)
    _damage(loose(folder, first), "gone")
    assert repo.changes(tip, "environments") == whole


def _unpack(folder: Path) -> None:
    for pack in list(folder.glob("objects/pack/*.pack")):
        data = pack.read_bytes()
        for part in folder.glob(f"objects/pack/{pack.stem}.*"):
            part.unlink()
        git(f"--git-dir={folder}", "unpack-objects", "-q", cwd=folder, data=data)


def _damage(file: Path, damage: str) -> None:
    folder = file.parents[2]
    file.chmod(0o644)
    match damage:
        case "gone":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case _:
            other = git("hash-object", "-w", "--stdin", cwd=folder, data=b"another")
            file.write_bytes(loose(folder, other).read_bytes())
