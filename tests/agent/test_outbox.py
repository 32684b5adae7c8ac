"""Records on their way into git."""

from pathlib import Path

import pytest

from moorline.agent.durable.outbox import Outbox
from moorline.errors import RemoteUnreachable
from tests.fakes.staterepo import FakeRemote, FakeStateRepo

PATH = "deployments/2026/11/23/20261123T101500Z-production-3f9c2d1.yaml"
LATER = "deployments/2026/11/23/20261123T101600Z-production-4f9c2d1.yaml"
BRANCH = "history/production/web-1"


@pytest.fixture
def remote() -> FakeRemote:
    made = FakeRemote()
    made.commit({"README.md": b"state\n"}, "begin")
    return made


@pytest.fixture
def repo(remote: FakeRemote) -> FakeStateRepo:
    made = FakeStateRepo(remote)
    made.fetch()
    return made


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path, "production", "web-1")


def _paths(repo: FakeStateRepo) -> list[str]:
    repo.fetch()
    return sorted(each.path for each in repo.history("production/", limit=10))


def test_a_record_is_pushed_once_and_then_gone(outbox: Outbox, repo: FakeStateRepo) -> None:
    outbox.put(PATH, b"kind: deployment\n", "title\n\nbody\n")
    assert outbox.flush(repo) == 1
    assert outbox.flush(repo) == 0
    assert _paths(repo) == [PATH]
    assert not outbox.waiting()


def test_records_wait_while_the_remote_is_away(
    outbox: Outbox, remote: FakeRemote, repo: FakeStateRepo
) -> None:
    outbox.put(PATH, b"one\n", "first\n\nbody\n")
    remote.trouble = RemoteUnreachable("nobody there")
    with pytest.raises(RemoteUnreachable):
        outbox.flush(repo)
    assert list(outbox.waiting()) == [PATH]
    remote.trouble = None
    outbox.put(LATER, b"two\n", "second\n\nbody\n")
    assert outbox.flush(repo) == 2
    assert _paths(repo) == [PATH, LATER]


def test_a_crash_after_the_push_leaves_one_record(outbox: Outbox, repo: FakeStateRepo) -> None:
    outbox.put(PATH, b"one\n", "first\n\nbody\n")
    waiting = dict(outbox.waiting())
    repo.append(BRANCH, waiting, message="first\n\nbody\n")
    assert outbox.flush(repo) == 1
    assert _paths(repo) == [PATH]


def test_an_outbox_never_used_is_empty(outbox: Outbox) -> None:
    assert not outbox.waiting()


def test_a_commit_speaks_of_its_deployments_and_counts_no_backup(
    outbox: Outbox, remote: FakeRemote, repo: FakeStateRepo
) -> None:
    backup = PATH.replace("deployments", "backups")
    outbox.put(backup, b"kind: backup\n", "backup\n\nbody\n")
    outbox.put(PATH, b"kind: deployment\n", "first\n\nbody\n")
    outbox.flush(repo)
    outbox.put(LATER, b"kind: deployment\n", "second\n\nbody\n")
    outbox.put(LATER.replace("T101600", "T101700"), b"kind: deployment\n", "third\n\nbody\n")
    outbox.flush(repo)
    titles = [remote.commits[sha].message.partition("\n")[0] for sha in remote.shas(BRANCH)]
    assert titles == ["third (and 1 more)", "first"]
