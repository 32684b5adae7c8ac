"""What a repository may hold that is not harmless, and histories that are not a line."""

import resource
import time
from collections import Counter
from pathlib import Path

import pytest

from moorline.adapters.staterepo import GitStateRepo
from moorline.errors import AccessDenied, Conflict, NotFound, Stalled, UsageError
from tests.parts.git import Clone, Remote

FILE = "environments/production.yaml"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote.git")
    made.commit({FILE: "version: 1\n", "other": "1"})
    return made


@pytest.fixture
def clone(remote: Remote, tmp_path: Path) -> Clone:
    return remote.clone(tmp_path / "clone")


@pytest.fixture
def repo(remote: Remote, tmp_path: Path) -> GitStateRepo:
    return host(remote, tmp_path / "mirror.git")


def host(remote: Remote, mirror: Path, name: str = "web-1") -> GitStateRepo:
    return GitStateRepo(
        mirror, url=remote.url, branch="main", host=name, committer_email=f"moorline@{name}"
    )


# --- modes ---


def symlink(clone: Clone) -> None:
    (clone.path / FILE).unlink()
    (clone.path / FILE).symlink_to("/etc/shadow")


def submodule(clone: Clone) -> None:
    (clone.path / FILE).unlink()
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{clone.sha()},{FILE}")
    (clone.path / FILE).mkdir()


def executable(clone: Clone) -> None:
    (clone.path / FILE).chmod(0o755)


@pytest.mark.parametrize(
    ("change", "kind"),
    [(symlink, "symbolic link"), (submodule, "submodule"), (executable, "executable")],
)
def test_only_a_plain_file_is_read(
    repo: GitStateRepo, clone: Clone, change: object, kind: str
) -> None:
    assert callable(change)
    change(clone)
    if kind != "submodule":
        clone.git("add", "--all")
    clone.git("commit", "--quiet", "-m", kind)
    clone.push()
    tip = repo.fetch()
    with pytest.raises(Stalled, match=f"{FILE}.*{kind}"):
        repo.read(tip, FILE)
    # listed all the same, so that the refusal is seen
    assert repo.paths(tip, "environments") == (FILE,)


def test_a_huge_file_is_refused_unread(repo: GitStateRepo, remote: Remote) -> None:
    remote.commit({FILE: b"\0" * 50_000_000})
    tip = repo.fetch()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(Stalled, match="50000000 bytes"):
        repo.read(tip, FILE)
    assert time.monotonic() - started < 0.25
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000


def test_a_huge_record_is_left_out(repo: GitStateRepo, remote: Remote) -> None:
    folder = "deployments/2026/11/23"
    files = {f"{folder}/20261123T101501Z-a.yaml": b"\0" * 5_000_000}
    files[f"{folder}/20261123T101502Z-b.yaml"] = b"small"
    remote.commit(files, branch="history/production/web-1")
    repo.fetch()
    assert [entry.data for entry in repo.history("production", limit=9)] == [b"small"]


def test_attributes_and_filters_do_not_touch_the_bytes(
    repo: GitStateRepo, remote: Remote, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    remote.commit(
        {
            ".gitattributes": "* text eol=crlf ident filter=evil diff=evil\n",
            ".gitconfig": f'[filter "evil"]\n  smudge = touch {canary}\n',
            FILE: "id: $Id$\n",
        }
    )
    blob = repo.read(repo.fetch(), FILE)
    assert blob is not None
    assert blob.data == b"id: $Id$\n"
    repo.replace(FILE, b"id: $Id$ \n", expected=blob.oid, message="Same")
    assert remote.show("main", FILE) == "id: $Id$"
    assert not canary.exists()


def test_a_replacement_of_an_object_is_not_followed(repo: GitStateRepo, remote: Remote) -> None:
    tip = repo.fetch()
    forged = remote.git("hash-object", "-w", "--stdin", data=b"forged\n")
    original = remote.git("rev-parse", f"main:{FILE}")
    remote.git("update-ref", f"refs/replace/{original}", forged)
    blob = repo.read(repo.fetch(), FILE)
    assert blob is not None
    assert (blob.oid, blob.data, repo.tip()) == (original, b"version: 1\n", tip)


# --- histories ---


def test_a_change_that_came_by_a_merge_has_a_commit(
    repo: GitStateRepo, remote: Remote, clone: Clone
) -> None:
    clone.git("checkout", "--quiet", "-b", "side")
    side = clone.commit({FILE: "version: 2\n"}, "On the side")
    clone.git("checkout", "--quiet", "main")
    clone.commit({"other": "2"}, "Meanwhile")
    clone.git("merge", "--quiet", "--no-ff", "-m", "Merge", "side")
    merge = clone.push()
    tip = repo.fetch()
    assert tip == merge == remote.tip()
    last = repo.last_change(tip, FILE)
    assert last is not None
    assert (last.sha, last.subject) == (side, "On the side")
    assert [commit.subject for commit in repo.log(tip, FILE, limit=9)] == ["On the side", "change"]


def test_a_merge_that_changes_the_file_itself_is_the_change(
    repo: GitStateRepo, clone: Clone
) -> None:
    clone.git("checkout", "--quiet", "-b", "side")
    clone.commit({FILE: "version: 2\n"}, "Left")
    clone.git("checkout", "--quiet", "main")
    clone.commit({FILE: "version: 3\n"}, "Right")
    clone.git("merge", "--quiet", "--no-ff", "--no-commit", "--strategy=ours", "side")
    merge = clone.commit({FILE: "version: 4\n"}, "Both")
    clone.push()
    last = repo.last_change(repo.fetch(), FILE)
    assert last is not None
    assert last.sha == merge


def test_a_revert_is_a_forward_step(repo: GitStateRepo, clone: Clone) -> None:
    first = repo.fetch()
    second = clone.commit({FILE: "version: 2\n"})
    clone.push()
    clone.git("revert", "--no-edit", second)
    reverted = clone.push()
    assert repo.relation(second, repo.fetch()) == "ahead"
    assert repo.read(reverted, FILE) == repo.read(first, FILE)


def test_an_ambiguous_beginning_is_refused(repo: GitStateRepo, remote: Remote) -> None:
    # Dates and content are fixed, so the shas are the same in every run, collisions included.
    stream = "".join(
        f"commit refs/heads/line\ncommitter A <a@b> {number} +0000\ndata 1\nx\n"
        for number in range(1, 1001)
    )
    remote.git("fast-import", "--quiet", data=stream.encode())
    remote.reset(remote.git("rev-parse", "line"))
    repo.fetch()
    beginnings = Counter(sha[:4] for sha in remote.shas())
    (ambiguous, times), (unique, once) = beginnings.most_common()[0], beginnings.most_common()[-1]
    assert times > once == 1
    with pytest.raises(UsageError, match=f"{ambiguous} names {times} commits"):
        repo.expand(ambiguous)
    assert repo.expand(unique) in remote.shas()


def test_hostile_text_in_a_commit_is_made_plain(repo: GitStateRepo, clone: Clone) -> None:
    clone.write({FILE: "version: 2\n"})
    message = "Red \x1b[31m alert\n\nReason: a\x1b]0;b\n continued\n"
    clone.git("-c", "user.name=A\x1bda", "commit", "--quiet", "-a", "-m", message)
    clone.push()
    commit = repo.commit(repo.fetch())
    shown = [commit.author, commit.subject, *commit.trailers, *commit.trailers.values()]
    assert all(text.isprintable() for text in shown)
    assert commit.trailers["Reason"].endswith("continued")


@pytest.mark.parametrize("date", ["1 +0000", "99999999999999 +0000", "4102444800 +1400"])
def test_an_impossible_date_is_survived(repo: GitStateRepo, remote: Remote, date: str) -> None:
    stream = (
        f"commit refs/heads/main\nauthor A <a@b> {date}\ncommitter A <a@b> {date}\n"
        f"data 1\nx\nfrom {remote.tip()}\nM 100644 inline {FILE}\ndata 1\n2\n"
    )
    remote.git("fast-import", "--quiet", data=stream.encode())
    assert repo.commit(repo.fetch()).at.endswith("Z")


def test_a_blob_is_no_commit(repo: GitStateRepo, remote: Remote) -> None:
    repo.fetch()
    with pytest.raises(NotFound):
        repo.commit(remote.git("rev-parse", f"main:{FILE}"))


# --- a remote that says no ---


def test_a_declining_hook_is_quoted(repo: GitStateRepo, remote: Remote) -> None:
    blob = repo.read(repo.fetch(), FILE)
    assert blob is not None
    remote.hook("pre-receive", "echo 'GH006: Protected branch update failed' >&2; exit 1")
    with pytest.raises(AccessDenied, match="main: pre-receive hook declined: GH006: Protected"):
        repo.replace(FILE, b"", expected=blob.oid, message="Back")


def test_a_checked_out_branch_says_what_to_do(tmp_path: Path, clone: Clone) -> None:
    repo = GitStateRepo(
        tmp_path / "m.git",
        url=str(clone.path),
        branch="main",
        host="web-1",
        committer_email="moorline@web-1",
    )
    blob = repo.read(repo.fetch(), FILE)
    assert blob is not None
    with pytest.raises(AccessDenied, match="git init --bare"):
        repo.replace(FILE, b"", expected=blob.oid, message="Back")
    assert repo.append("history/x/y", {"deployments/1.yaml": b"1"}, message="One")


def test_a_rewritten_branch_is_never_pushed_over(
    repo: GitStateRepo, remote: Remote, clone: Clone
) -> None:
    blob = repo.read(repo.fetch(), FILE)
    assert blob is not None
    clone.git("commit", "--quiet", "--amend", "-m", "Rewritten")
    clone.write({FILE: "version: 9\n"})
    clone.git("commit", "--quiet", "--amend", "--all", "-m", "Rewritten")
    rewritten = clone.push(force=True)
    with pytest.raises(Conflict):
        repo.replace(FILE, b"", expected=blob.oid, message="Back")
    assert remote.tip() == rewritten


def test_a_lost_history_branch_comes_back_whole(repo: GitStateRepo, remote: Remote) -> None:
    repo.fetch()
    first = repo.append("history/x/y", {"deployments/1.yaml": b"1"}, message="One")
    remote.delete("history/x/y")
    repo.fetch()
    second = repo.append("history/x/y", {"deployments/2.yaml": b"2"}, message="Two")
    assert remote.shas("history/x/y") == [second, first]


def test_nothing_of_a_push_is_left_in_the_mirror(repo: GitStateRepo, tmp_path: Path) -> None:
    repo.fetch()
    for number in range(3):
        repo.append("history/x/y", {f"deployments/{number}.yaml": b"1"}, message="One")
    mirror = tmp_path / "mirror.git"
    assert list((mirror / "refs" / "out").glob("*")) == []
    assert list((mirror / "refs" / "heads").iterdir()) == []
