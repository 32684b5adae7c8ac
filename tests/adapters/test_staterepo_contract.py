"""What every StateRepo does: the same tests on git and on the fake."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from moorline.adapters.staterepo import GitStateRepo
from moorline.adapters.staterepo_port import StateRepo
from moorline.errors import (
    AccessDenied,
    Conflict,
    MoorlineError,
    NotFound,
    RemoteUnreachable,
    Stalled,
    UsageError,
)
from tests.fakes.staterepo import FakeRemote, FakeStateRepo
from tests.parts.git import Remote

FILE = "environments/production.yaml"
OTHER = "environments/staging.yaml"
NOWHERE = "1" * 40
HISTORY = "history/production/web-1"


class People(Protocol):
    """The remote as people use it."""

    def commit(
        self, files: Mapping[str, bytes | str | None], message: str = ..., *, branch: str = ...
    ) -> str: ...
    def tip(self, branch: str = ...) -> str | None: ...
    def reset(self, sha: str, branch: str = ...) -> None: ...
    def delete(self, branch: str) -> None: ...
    def show(self, commit: str, path: str) -> str: ...
    def files(self, commit: str) -> Sequence[str]: ...
    def shas(self, branch: str = ...) -> Sequence[str]: ...


@dataclass(frozen=True)
class World:
    """A remote, and hosts that look at it."""

    people: People
    host: Callable[[str], StateRepo]
    protect: Callable[[str], None]


def _real(folder: Path) -> World:
    remote = Remote(folder / "remote.git")

    def host(name: str) -> StateRepo:
        return GitStateRepo(
            folder / f"{name}.git",
            url=remote.url,
            branch="main",
            host=name,
            committer_email=f"moorline@{name}",
        )

    def protect(branch: str) -> None:
        refuse = (
            f'read _ _ ref; [ "$ref" != refs/heads/{branch} ] || {{ echo GH006: no >&2; exit 1; }}'
        )
        remote.hook("pre-receive", refuse)

    return World(remote, host, protect)


def _fake(_: Path) -> World:
    remote = FakeRemote()
    return World(remote, lambda name: FakeStateRepo(remote, host=name), remote.protected.add)


@pytest.fixture(params=[_real, _fake], ids=["git", "fake"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    made.people.commit({FILE: "version: 1\n", OTHER: "version: 1\n"}, "Begin")
    return made


@pytest.fixture
def people(world: World) -> People:
    return world.people


@pytest.fixture
def repo(world: World) -> StateRepo:
    return world.host("web-1")


def record(number: int, kind: str = "deployments") -> str:
    return f"{kind}/2026/11/23/20261123T1015{number:02d}Z-production-3f9c2d1.yaml"


def oid(repo: StateRepo, path: str = FILE) -> str:
    blob = repo.read(repo.fetch(), path)
    assert blob is not None
    return blob.oid


# --- looking at the remote ---


def test_there_is_no_tip_before_the_first_fetch(repo: StateRepo) -> None:
    assert repo.tip() is None


def test_a_fetch_returns_the_tip_and_keeps_it(repo: StateRepo, people: People) -> None:
    first = repo.fetch()
    assert first == people.tip()
    second = people.commit({FILE: "version: 2\n"})
    assert repo.tip() == first
    assert repo.fetch() == repo.tip() == second


def test_a_deleted_branch_is_reported_and_the_last_state_stays(
    repo: StateRepo, people: People
) -> None:
    tip = repo.fetch()
    people.delete("main")
    with pytest.raises(NotFound) as caught:
        repo.fetch()
    assert "push a first commit" in caught.value.mend
    assert repo.tip() == tip
    assert repo.read(tip, FILE) is not None


def test_a_reset_branch_is_fetched_as_it_is(repo: StateRepo, people: People) -> None:
    old = repo.fetch()
    people.commit({FILE: "version: 2\n"})
    repo.fetch()
    people.reset(old)
    assert repo.fetch() == old


def test_relation_tells_forward_from_back_and_aside(repo: StateRepo, people: People) -> None:
    first = repo.fetch()
    left = people.commit({FILE: "version: left\n"})
    repo.fetch()
    people.reset(first)
    right = people.commit({FILE: "version: right\n"})
    repo.fetch()
    assert repo.relation(first, first) == "same"
    assert repo.relation(first, right) == "ahead"
    assert repo.relation(right, first) == "behind"
    assert repo.relation(left, right) == "diverged"
    assert repo.relation(NOWHERE, right) == "diverged"


# --- reading ---


def test_reading_gives_the_bytes_of_that_commit(repo: StateRepo, people: People) -> None:
    first = repo.fetch()
    people.commit({FILE: b"\xff\x00 not text\n"})
    blob, old = repo.read(repo.fetch(), FILE), repo.read(first, FILE)
    assert blob is not None
    assert old is not None
    assert blob.data == b"\xff\x00 not text\n"
    assert old.data == b"version: 1\n"


def test_a_name_may_be_in_any_language(repo: StateRepo, people: People) -> None:
    people.commit({"environments/pr\u00fcfstand \u6d4b.yaml": "x"}, "Neu: \u6d4b")
    tip = repo.fetch()
    blob = repo.read(tip, "environments/pr\u00fcfstand \u6d4b.yaml")
    assert blob is not None
    assert "environments/pr\u00fcfstand \u6d4b.yaml" in repo.paths(tip, "environments")
    assert repo.commit(tip).subject == "Neu: \u6d4b"
    path = "environments/pr\u00fcfstand \u6d4b.yaml"
    sha = repo.replace(path, b"y", expected=blob.oid, message="Zur\u00fcck")
    assert people.show(sha, path).strip() == "y"


def test_equal_content_has_equal_oids(repo: StateRepo) -> None:
    assert oid(repo, FILE) == oid(repo, OTHER)


@pytest.mark.parametrize("path", ["environments/nothing.yaml", "environments", "no/such/folder"])
def test_what_is_no_file_reads_as_none(repo: StateRepo, path: str) -> None:
    assert repo.read(repo.fetch(), path) is None


def test_a_file_above_one_mebibyte_is_refused(repo: StateRepo, people: People) -> None:
    people.commit({FILE: b"x" * 1024 * 1024})
    assert repo.read(repo.fetch(), FILE) is not None
    people.commit({FILE: b"x" * (1024 * 1024 + 1)})
    with pytest.raises(Stalled, match=FILE):
        repo.read(repo.fetch(), FILE)


def test_reading_at_an_unknown_commit_is_not_found(repo: StateRepo) -> None:
    repo.fetch()
    with pytest.raises(NotFound):
        repo.read(NOWHERE, FILE)
    with pytest.raises(NotFound):
        repo.log(NOWHERE, FILE, limit=1)


def test_paths_lists_one_folder_in_order(repo: StateRepo, people: People) -> None:
    people.commit({"environments/a.yaml": "", "environments/deep/b.yaml": "", "README.md": ""})
    tip = repo.fetch()
    assert repo.paths(tip, "environments") == ("environments/a.yaml", FILE, OTHER)
    assert repo.paths(tip, "") == ("README.md",)
    assert repo.paths(tip, "policies") == ()


def test_a_log_has_the_changes_of_one_file_newest_first(repo: StateRepo, people: People) -> None:
    second = people.commit({FILE: "version: 2\n"}, "Second")
    people.commit({OTHER: "version: 2\n"}, "Elsewhere")
    third = people.commit({FILE: "version: 3\n"}, "Third")
    tip = repo.fetch()
    log = repo.log(tip, FILE, limit=2)
    assert [commit.sha for commit in log] == [third, second]
    assert [commit.subject for commit in log] == ["Third", "Second"]
    assert len(repo.log(tip, FILE, limit=10)) == 3
    assert repo.last_change(second, FILE) == log[1]


def test_a_path_that_never_was_has_no_last_change(repo: StateRepo) -> None:
    assert repo.last_change(repo.fetch(), "environments/nothing.yaml") is None


def test_a_removal_is_a_change(repo: StateRepo, people: People) -> None:
    removal = people.commit({FILE: None}, "Remove")
    last = repo.last_change(repo.fetch(), FILE)
    assert last is not None
    assert last.sha == removal


def test_a_commit_tells_who_when_and_its_trailers(repo: StateRepo, people: People) -> None:
    message = "Roll back\n\nNot-A: trailer\n\nDeployment-Id: 7\nAgent-Host: web-1\n"
    sha = people.commit({FILE: "version: 2\n"}, message)
    repo.fetch()
    commit = repo.commit(sha)
    assert commit.sha == sha
    assert commit.author == "Ada <ada@example.test>"
    assert commit.at.endswith("Z")
    assert len(commit.at) == len("2026-11-23T10:15:00Z")
    assert commit.subject == "Roll back"
    assert commit.trailers == {"Deployment-Id": "7", "Agent-Host": "web-1"}


def test_an_unknown_commit_is_not_found(repo: StateRepo) -> None:
    repo.fetch()
    with pytest.raises(NotFound):
        repo.commit(NOWHERE)


def test_a_short_sha_is_expanded_only_on_the_branch(repo: StateRepo, people: People) -> None:
    first = repo.fetch()
    aside = people.commit({FILE: "version: 2\n"})
    repo.fetch()
    people.reset(first)
    repo.fetch()
    assert repo.expand(first) == repo.expand(first[:4]) == repo.expand(first[:9].upper()) == first
    assert repo.expand(aside) is None
    for nonsense in ("", first[:3], "main", "HEAD", f"{first}^", "--all", f"{first}\n", NOWHERE):
        assert repo.expand(nonsense) is None


# --- writing the branch ---


def test_replace_commits_one_file(repo: StateRepo, people: People) -> None:
    message = "Roll back production\n\nDeployment-Id: 7\n"
    sha = repo.replace(FILE, b"version: 0\n", expected=oid(repo), message=message)
    assert sha == people.tip() == repo.tip()
    assert people.show("main", FILE) == people.show(sha, FILE)
    assert people.show("main", FILE).strip() == "version: 0"
    assert people.show("main", OTHER).strip() == "version: 1"
    commit = repo.commit(sha)
    assert commit.author == "moorline (web-1) <moorline@web-1>"
    assert commit.trailers == {"Deployment-Id": "7"}


def test_replace_loses_against_a_change_of_the_same_file(repo: StateRepo, people: People) -> None:
    expected = oid(repo)
    theirs = people.commit({FILE: "version: 2\n"})
    with pytest.raises(Conflict):
        repo.replace(FILE, b"version: 0\n", expected=expected, message="Back")
    assert people.tip() == theirs


def test_replace_goes_on_top_of_a_change_of_another_file(repo: StateRepo, people: People) -> None:
    expected = oid(repo)
    theirs = people.commit({OTHER: "version: 2\n"})
    sha = repo.replace(FILE, b"version: 0\n", expected=expected, message="Back")
    assert list(people.shas())[:2] == [sha, theirs]
    assert people.show("main", OTHER).strip() == "version: 2"


def test_replace_does_not_bring_a_removed_file_back(repo: StateRepo, people: People) -> None:
    expected = oid(repo)
    people.commit({FILE: None})
    with pytest.raises(Conflict):
        repo.replace(FILE, b"version: 0\n", expected=expected, message="Back")


def test_a_protected_branch_denies_and_a_proposal_passes(world: World) -> None:
    repo, people = world.host("web-1"), world.people
    expected, before = oid(repo), people.tip()
    world.protect("main")
    with pytest.raises(AccessDenied):
        repo.replace(FILE, b"version: 0\n", expected=expected, message="Back")
    branch = "moorline/rollback/production-7"
    sha = repo.propose(branch, FILE, b"version: 0\n", message="Back")
    assert people.tip() == before
    assert people.tip(branch) == sha
    assert list(people.shas(branch))[1:] == list(people.shas())


def test_a_repeated_proposal_is_the_same_one(repo: StateRepo, people: People) -> None:
    sha = repo.propose("moorline/rollback/7", FILE, b"version: 0\n", message="Back")
    assert repo.propose("moorline/rollback/7", FILE, b"version: 0\n", message="Back") == sha
    with pytest.raises(Conflict):
        repo.propose("moorline/rollback/7", FILE, b"version: 9\n", message="Back")
    assert people.tip("moorline/rollback/7") == sha


# --- records ---


def test_records_get_a_branch_of_their_own(repo: StateRepo, people: People) -> None:
    repo.fetch()
    sha = repo.append(HISTORY, {record(1): b"one\n", record(1, "backups"): b"b\n"}, message="Rec")
    assert sha == people.tip(HISTORY)
    assert people.files(HISTORY) == [record(1, "backups"), record(1)]
    assert people.shas(HISTORY) == [sha]


def test_records_are_added_to_those_before(repo: StateRepo, people: People) -> None:
    first = repo.append(HISTORY, {record(1): b"one\n"}, message="One")
    second = repo.append(HISTORY, {record(2): b"two\n"}, message="Two")
    assert people.shas(HISTORY) == [second, first]
    assert people.files(HISTORY) == [record(1), record(2)]


def test_repeated_records_make_no_commit(repo: StateRepo, people: People) -> None:
    repo.append(HISTORY, {record(1): b"one\n"}, message="One")
    assert repo.append(HISTORY, {record(1): b"one\n"}, message="Again") is None
    both = repo.append(HISTORY, {record(1): b"one\n", record(2): b"two\n"}, message="Two")
    assert len(people.shas(HISTORY)) == 2
    assert people.tip(HISTORY) == both


def test_records_are_never_overwritten(repo: StateRepo, people: People) -> None:
    sha = repo.append(HISTORY, {record(1): b"one\n"}, message="One")
    with pytest.raises(Stalled, match="other content"):
        repo.append(HISTORY, {record(1): b"forged\n", record(2): b"two\n"}, message="Two")
    assert people.tip(HISTORY) == sha


def test_two_hosts_may_write_one_branch(world: World) -> None:
    one, two = world.host("web-1"), world.host("web-2")
    one.fetch()
    two.fetch()
    one.append("history/retention", {record(1): b"one\n"}, message="One")
    two.append("history/retention", {record(2): b"two\n"}, message="Two")
    assert two.append("history/retention", {record(1): b"one\n"}, message="Again") is None
    assert world.people.files("history/retention") == [record(1), record(2)]


@pytest.mark.parametrize("branch", ["main", "moorline/x", "history", "history/", "history/../x"])
def test_records_go_to_history_branches_only(repo: StateRepo, branch: str) -> None:
    with pytest.raises(UsageError):
        repo.append(branch, {record(1): b""}, message="One")


def test_history_is_newest_first_over_all_branches(world: World) -> None:
    one, two = world.host("web-1"), world.host("web-2")
    one.append("history/production/web-1", {record(1): b"1", record(4): b"4"}, message="Some")
    two.append("history/production/web-2", {record(3, "backups"): b"3"}, message="Some")
    two.append("history/production-eu/web-2", {record(5): b"5"}, message="Some")
    one.fetch()
    assert [entry.data for entry in one.history("production", limit=9)] == [b"4", b"3", b"1"]
    assert [entry.data for entry in one.history("production", limit=2)] == [b"4", b"3"]
    assert [entry.data for entry in one.history("", limit=9)] == [b"5", b"4", b"3", b"1"]
    newest = one.history("production/web-2", limit=1)[0]
    assert (newest.branch, newest.path) == ("history/production/web-2", record(3, "backups"))


def test_own_records_are_seen_without_a_fetch(repo: StateRepo) -> None:
    repo.append(HISTORY, {record(1): b"1"}, message="One")
    assert [entry.data for entry in repo.history("production", limit=9)] == [b"1"]


def test_history_leaves_other_files_out(repo: StateRepo, people: People) -> None:
    people.commit({"README.md": "hello", "deployments/notes.yaml": "x"}, branch=HISTORY)
    repo.fetch()
    repo.append(HISTORY, {record(1): b"1"}, message="One")
    assert [entry.path for entry in repo.history("production", limit=9)] == [record(1)]


def test_there_may_be_no_history_at_all(repo: StateRepo) -> None:
    repo.fetch()
    assert list(repo.history("production", limit=9)) == []


# --- what is refused ---


@pytest.mark.parametrize(
    "message",
    ["", " \n", "Back\x1b[2J", "Back\r\nRollback-Of: x", "a\x00b", "a\x9bb", "\ud800"],
    ids=repr,
)
def test_a_message_with_control_characters_is_refused(
    repo: StateRepo, people: People, message: str
) -> None:
    expected, before = oid(repo), people.tip()
    with pytest.raises(Stalled):
        repo.replace(FILE, b"", expected=expected, message=message)
    with pytest.raises(Stalled):
        repo.append(HISTORY, {record(1): b""}, message=message)
    assert people.tip() == before
    assert people.tip(HISTORY) is None


@pytest.mark.parametrize(
    "path",
    ["", "/etc/shadow", "../x", "a/../b", "a//b", "a/", ".git/config", "a\nb", 'a"b', "a\0b"],
    ids=repr,
)
def test_a_path_that_leaves_the_repository_is_refused(repo: StateRepo, path: str) -> None:
    tip = repo.fetch()
    for attempt in (
        lambda: repo.read(tip, path),
        lambda: repo.log(tip, path, limit=1),
        lambda: repo.append(HISTORY, {path: b""}, message="One"),
        lambda: repo.replace(path, b"", expected=NOWHERE, message="Back"),
    ):
        with pytest.raises(UsageError):
            attempt()


@pytest.mark.parametrize("sha", ["", "main", "HEAD", "--all", "a" * 39, "g" * 40, "a" * 40 + "\n"])
def test_only_whole_shas_name_commits(repo: StateRepo, sha: str) -> None:
    tip = repo.fetch()
    for attempt in (
        lambda: repo.read(sha, FILE),
        lambda: repo.paths(sha, "environments"),
        lambda: repo.log(sha, FILE, limit=1),
        lambda: repo.commit(sha),
        lambda: repo.relation(sha, tip),
        lambda: repo.relation(tip, sha),
    ):
        with pytest.raises(UsageError):
            attempt()


# --- a remote that is away ---


def test_reading_needs_no_remote(world: World, tmp_path: Path) -> None:
    repo = world.host("web-1")
    tip = repo.fetch()
    repo.append(HISTORY, {record(1): b"1"}, message="One")
    if isinstance(world.people, FakeRemote):
        world.people.trouble = RemoteUnreachable("away")
    else:
        (tmp_path / "remote.git").rename(tmp_path / "away.git")
    with pytest.raises(MoorlineError):
        repo.fetch()
    assert repo.tip() == tip
    assert repo.read(tip, FILE) is not None
    assert repo.paths(tip, "environments") == (FILE, OTHER)
    assert repo.last_change(tip, FILE) is not None
    assert len(repo.history("production", limit=9)) == 1
