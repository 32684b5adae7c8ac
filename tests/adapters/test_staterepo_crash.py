"""Power failures, kill -9, full disks, and many writers: nothing lost, nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import moorline
from moorline.adapters.staterepo import GitStateRepo
from moorline.adapters.staterepo.lock import remove_stale_lock
from moorline.errors import Conflict, MoorlineError, RemoteUnreachable, Stalled, StorageFailed
from tests.adapters.staterepo_writer import HISTORY, make
from tests.adapters.staterepo_writer import path as record
from tests.parts.git import Remote, git
from tests.parts.processes import command_lines, kill_session, until

FILE = "environments/production.yaml"
WRITER = Path(__file__).with_name("staterepo_writer.py")
PYTHONPATH = os.pathsep.join(
    [str(Path(moorline.__file__).parents[1]), str(Path(__file__).parents[2])]
)
KILLS = int(os.environ.get("MOORLINE_TEST_KILLS", "16"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote.git")
    made.commit({FILE: "version: 1\n"})
    return made


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mirror.git"


# --- kill -9 ---


def writer(mirror: Path, remote: Remote, first: int, journal: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(mirror), remote.url, str(first), str(journal)],
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        start_new_session=True,
    )


def kill_process(pid: int) -> None:
    """What `kill -9` of the daemon does: git lives on for a moment."""
    os.kill(pid, signal.SIGKILL)


def kill_machine(session: int) -> None:
    """What a power failure does; git's receiving end is another machine's."""
    kill_session(session, sparing="receive-pack")


@pytest.mark.parametrize("kill", [kill_process, kill_machine])
def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    remote: Remote, mirror: Path, tmp_path: Path, kill: Callable[[int], None]
) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    chance = random.Random(7)  # the same moments in every run
    for _ in range(KILLS // 2):
        begun = journal.read_text().split()
        # the last one begun may or may not have arrived: repeated, as after a real restart
        process = writer(mirror, remote, int(begun[-1]) if begun else 0, journal)
        size = journal.stat().st_size
        until(lambda size=size: journal.stat().st_size > size)  # type: ignore[misc]  # bound now
        # the one sleep that is meant: until a random moment inside a write
        time.sleep(chance.uniform(0, 0.12))
        kill(process.pid)
        assert process.wait() == -signal.SIGKILL
    last = int(journal.read_text().split()[-1])
    repo = make(mirror, remote.url)
    repo.fetch()
    repo.append(HISTORY, {record(last): b"%d\n" % last}, message=f"Record {last}")
    assert remote.files(HISTORY) == [record(number) for number in range(last + 1)]
    assert len(remote.shas(HISTORY)) == last + 1
    assert git(f"--git-dir={mirror}", "fsck", "--no-dangling", cwd=tmp_path) == ""
    until(lambda: command_lines(str(mirror)) == [])


# --- what the dead leave behind ---


def test_planted_leftovers_are_cleared_at_the_start(remote: Remote, mirror: Path) -> None:
    make(mirror, remote.url).fetch()
    planted = [
        mirror / "HEAD.lock",
        mirror / "config.lock",
        mirror / "packed-refs.lock",
        mirror / "refs/remotes/origin/main.lock",
        mirror / "objects/maintenance.lock",
        mirror / "objects/pack/tmp_pack_x1y2z3",
        mirror / "objects/pack/tmp_idx_x1y2z3",
        mirror / "objects/17/tmp_obj_x1y2z3",
        mirror / "objects/tmp_objdir-incoming-x1/ab",
        mirror / "refs/out" / ("0" * 32),
        mirror.with_name(f"{mirror.name}.new-{'0' * 32}") / "HEAD",
        mirror.with_name(f"{mirror.name}.old-{'0' * 32}") / "HEAD",
    ]
    for path in planted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left by the dead")
    bystander = mirror.with_name(f"{mirror.name}.new-notes")
    bystander.touch()
    tip = remote.commit({FILE: "version: 2\n"})
    repo = make(mirror, remote.url)
    assert repo.fetch() == tip
    assert repo.append(HISTORY, {record(1): b"1"}, message="One")
    assert [path for path in planted if path.exists()] == []
    assert bystander.exists()


def test_a_lock_left_while_we_run_is_cleared_too(remote: Remote, mirror: Path) -> None:
    repo = make(mirror, remote.url)
    repo.fetch()
    (mirror / "refs/remotes/origin/main.lock").touch()
    tip = remote.commit({FILE: "version: 2\n"})
    assert repo.fetch() == tip


def test_a_living_git_keeps_its_temporary_files(remote: Remote, mirror: Path) -> None:
    repo = make(mirror, remote.url)
    repo.fetch()
    lock = mirror / "refs/remotes/origin/main.lock"
    lock.touch()
    remote.hook(
        "pre-receive", f"touch {mirror}.pushing; while [ -e {mirror}.wait ]; do sleep 0.02; done"
    )
    (mirror.parent / f"{mirror.name}.wait").touch()
    process = writer(mirror, remote, 0, mirror.with_name("journal"))
    # the writer found the lock with nobody alive and took it away; planted again under its hands
    until((mirror.parent / f"{mirror.name}.pushing").exists)
    lock.touch()
    process.kill()
    process.wait()
    second = make(mirror, remote.url)
    assert second.tip() is not None
    assert lock.exists()
    (mirror.parent / f"{mirror.name}.wait").unlink()
    # the next start after the last of them has gone
    until(lambda: make(mirror, remote.url).tip() is not None and not lock.exists())


def test_a_stale_lock_of_a_remote_on_this_host_is_cleared(remote: Remote, mirror: Path) -> None:
    repo = make(mirror, remote.url)
    repo.append(HISTORY, {record(1): b"1"}, message="One")
    lock = remote.path / "refs" / "heads" / f"{HISTORY}.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    assert repo.append(HISTORY, {record(2): b"2"}, message="Two") == remote.tip(HISTORY)


@pytest.mark.parametrize(
    ("name", "age", "there"),
    [("repo/a.lock", 61, False), ("repo/a.lock", 50, True), ("elsewhere/a.lock", 61, True)],
)
def test_only_a_stale_lock_in_the_repository_is_removed(
    tmp_path: Path, name: str, age: float, *, there: bool
) -> None:
    lock = tmp_path / name
    lock.parent.mkdir()
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    said = f"error: Unable to create '{tmp_path}/repo/../{name}': File exists."
    remove_stale_lock(tmp_path / "repo", said, older_than=60)
    assert lock.exists() == there


# --- power loss ---


def loose(git_dir: Path, sha: str) -> Path:
    """The file of one object, taken out of its pack first if need be."""
    for pack in (git_dir / "objects" / "pack").glob("*.pack"):
        data = pack.read_bytes()
        for part in pack.parent.glob(f"{pack.stem}.*"):
            part.unlink()
        git(f"--git-dir={git_dir}", "unpack-objects", "-q", cwd=git_dir, data=data)
    path = git_dir / "objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    return path


def empty_tip_object(mirror: Path, tip: str) -> None:
    loose(mirror, tip).write_bytes(b"")


def remove_tip_object(mirror: Path, tip: str) -> None:
    loose(mirror, tip).unlink()


def garble_tree(mirror: Path, tip: str) -> None:
    tree = git(f"--git-dir={mirror}", "rev-parse", f"{tip}^{{tree}}", cwd=mirror)
    loose(mirror, tree).write_bytes(b"\0" * 100)


def empty_blob(mirror: Path, tip: str) -> None:
    blob = git(f"--git-dir={mirror}", "rev-parse", f"{tip}:{FILE}", cwd=mirror)
    loose(mirror, blob).write_bytes(b"")


def empty_ref(mirror: Path, _: str) -> None:
    (mirror / "refs/remotes/origin/main").write_bytes(b"")


def garble_ref(mirror: Path, _: str) -> None:
    (mirror / "refs/remotes/origin/main").write_bytes(b"\0" * 41)


def empty_head(mirror: Path, _: str) -> None:
    (mirror / "HEAD").write_bytes(b"")


def garble_config(mirror: Path, _: str) -> None:
    (mirror / "config").write_bytes(b"\0" * 100)


def cut_pack(mirror: Path, _: str) -> None:
    git(f"--git-dir={mirror}", "repack", "-adq", cwd=mirror)
    (pack,) = (mirror / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    os.truncate(pack, pack.stat().st_size // 2)


def garble_pack(mirror: Path, _: str) -> None:
    git(f"--git-dir={mirror}", "repack", "-adq", cwd=mirror)
    (pack,) = (mirror / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    size = pack.stat().st_size
    with pack.open("r+b") as file:
        file.seek(12)
        file.write(b"\0" * (size - 12 - 20))


def empty_index(mirror: Path, _: str) -> None:
    git(f"--git-dir={mirror}", "repack", "-adq", cwd=mirror)
    (index,) = (mirror / "objects" / "pack").glob("*.idx")
    index.chmod(0o644)
    os.truncate(index, 0)


def no_objects(mirror: Path, _: str) -> None:
    (mirror / "objects").rename(mirror / "objects.gone")


DAMAGE = [
    empty_tip_object,
    remove_tip_object,
    garble_tree,
    empty_blob,
    empty_ref,
    garble_ref,
    empty_head,
    garble_config,
    cut_pack,
    garble_pack,
    empty_index,
    no_objects,
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_mirror_is_replaced(
    remote: Remote, mirror: Path, damage: Callable[[Path, str], None]
) -> None:
    accepted = make(mirror, remote.url).fetch()
    newer = remote.commit({"other": "2"})
    assert make(mirror, remote.url).fetch() == newer
    damage(mirror, newer)
    repo = make(mirror, remote.url)
    assert repo.fetch() == newer
    for commit in (accepted, newer):
        blob = repo.read(commit, FILE)
        assert blob is not None
        assert blob.data == b"version: 1\n"
    assert repo.relation(accepted, newer) == "ahead"
    assert repo.append(HISTORY, {record(1): b"1"}, message="One")
    assert [path.name for path in mirror.parent.iterdir() if ".new-" in path.name] == []
    assert [path.name for path in mirror.parent.iterdir() if ".old-" in path.name] == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_mirror_is_replaced_for_a_reader_too(
    remote: Remote, mirror: Path, damage: Callable[[Path, str], None]
) -> None:
    tip = make(mirror, remote.url).fetch()
    damage(mirror, tip)
    repo = make(mirror, remote.url)
    assert repo.tip() in {tip, None}
    if damage is remove_tip_object:
        repo.fetch()  # to a reader, an object that is gone is a commit that never was
    blob = repo.read(tip, FILE)
    assert blob is not None
    assert blob.data == b"version: 1\n"


def test_a_damaged_mirror_waits_for_its_remote(
    remote: Remote, mirror: Path, tmp_path: Path
) -> None:
    tip = make(mirror, remote.url).fetch()
    empty_tip_object(mirror, tip)
    remote.path.rename(tmp_path / "away.git")
    repo = make(mirror, remote.url)
    with pytest.raises(MoorlineError):
        repo.fetch()
    (tmp_path / "away.git").rename(remote.path)
    assert repo.fetch() == tip


def test_a_damaged_remote_is_not_blamed_on_the_mirror(remote: Remote, mirror: Path) -> None:
    repo = make(mirror, remote.url)
    tip = repo.fetch()
    newer = remote.commit({FILE: "version: 2\n"})
    loose(remote.path, newer).write_bytes(b"")
    with pytest.raises((Stalled, RemoteUnreachable)) as caught:
        repo.fetch()
    assert remote.url in str(caught.value)
    assert repo.read(tip, FILE) is not None


# --- upkeep ---


def test_objects_that_pile_up_are_packed(remote: Remote, mirror: Path) -> None:
    repo = make(mirror, remote.url)
    first = repo.fetch()
    (pack,) = (mirror / "objects" / "pack").glob("*.pack")
    for number in range(60):
        copy = pack.with_name(f"pack-{number:040x}.pack")
        copy.write_bytes(pack.read_bytes())
        copy.with_suffix(".idx").write_bytes(pack.with_suffix(".idx").read_bytes())
    assert repo.fetch() == first
    assert len(list((mirror / "objects" / "pack").glob("*.pack"))) < 10
    assert repo.read(first, FILE) is not None


# --- a full disk ---


def test_a_full_disk_is_an_error_and_passes(remote: Remote, tmp_path: Path) -> None:
    script = f"""
from contextlib import suppress
from pathlib import Path
from tests.adapters.staterepo_writer import HISTORY, make, path
from moorline.errors import StorageFailed
disk = Path({str(tmp_path / "disk")!r})
repo = make(disk / "mirror.git", {remote.url!r})
repo.fetch()
ballast = disk / "ballast"
with ballast.open("wb", buffering=0) as file, suppress(OSError):
    while True:
        file.write(b"x" * 4096)
for attempt in (
    lambda: repo.append(HISTORY, {{path(1): b"1"}}, message="One"),
    lambda: make(disk / "other.git", {remote.url!r}).fetch(),
):
    try:
        attempt()
    except StorageFailed as failed:
        print("refused:", failed)
ballast.unlink()
repo.append(HISTORY, {{path(1): b"1"}}, message="One")
print("recovered")
"""
    (tmp_path / "disk").mkdir()
    mount = f'mount -t tmpfs -o size=1m none {tmp_path / "disk"} && exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, script],
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["refused", "refused", "recovered"], done
    assert all("make room" in line for line in lines[:2])
    assert remote.files(HISTORY) == [record(1)]
    assert len(remote.shas(HISTORY)) == 1


def test_a_state_directory_that_cannot_be_written_is_named(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Stalled, match=str(tmp_path / "file")):
        make(tmp_path / "file" / "mirror.git", remote.url).fetch()


def test_a_folder_that_is_no_mirror_is_left_alone(remote: Remote, tmp_path: Path) -> None:
    notes = tmp_path / "state" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("precious")
    with pytest.raises(StorageFailed, match="no mirror of moorline's"):
        make(tmp_path / "state", remote.url).fetch()
    assert notes.read_text() == "precious"


# --- many writers ---


def together(*attempts: Callable[[], object]) -> Iterator[object]:
    """Run all at the same time; yields what each returned or raised."""
    with ThreadPoolExecutor(len(attempts)) as pool:
        barrier = threading.Barrier(len(attempts))

        def run(attempt: Callable[[], object]) -> object:
            barrier.wait()
            try:
                return attempt()
            except MoorlineError as error:
                return error

        yield from pool.map(run, attempts)


def test_writers_of_one_branch_lose_nothing(remote: Remote, tmp_path: Path) -> None:
    hosts = [make(tmp_path / f"{name}.git", remote.url) for name in "abc"]
    for host in hosts:
        host.fetch()

    def write(index: int, host: GitStateRepo) -> None:
        for turn in range(6):
            number = 10 * index + turn
            assert host.append(HISTORY, {record(number): b"x"}, message=f"Record {number}")

    attempts = [partial(write, index, host) for index, host in enumerate(hosts)]
    assert list(together(*attempts)) == [None, None, None]
    wanted = [record(10 * index + turn) for index in range(3) for turn in range(6)]
    assert remote.files(HISTORY) == wanted
    assert len(remote.shas(HISTORY)) == 18


def test_writers_on_one_mirror_lose_nothing(remote: Remote, mirror: Path) -> None:
    repos = [make(mirror, remote.url) for _ in range(3)]

    def write(index: int, repo: GitStateRepo) -> None:
        for turn in range(4):
            number = 10 * index + turn
            repo.fetch()
            assert repo.append(HISTORY, {record(number): b"x"}, message=f"Record {number}")

    attempts = [partial(write, index, repo) for index, repo in enumerate(repos)]
    assert list(together(*attempts)) == [None, None, None]
    assert len(remote.files(HISTORY)) == len(remote.shas(HISTORY)) == 12


def test_one_of_two_rollbacks_wins(remote: Remote, tmp_path: Path) -> None:
    hosts = [make(tmp_path / f"{name}.git", remote.url) for name in "ab"]
    blob = hosts[0].read(hosts[0].fetch(), FILE)
    assert blob is not None
    attempts = [
        partial(host.replace, FILE, b"version: %d\n" % (n + 2), expected=blob.oid, message="Back")
        for n, host in enumerate(hosts)
    ]
    results = list(together(*attempts))
    assert sum(isinstance(result, Conflict) for result in results) == 1
    assert remote.tip() in results
    assert len(remote.shas()) == 2


def test_a_busy_branch_is_tried_again(remote: Remote, mirror: Path, tmp_path: Path) -> None:
    repo = make(mirror, remote.url)
    blob = repo.read(repo.fetch(), FILE)
    assert blob is not None
    # Somebody else pushes in the very moment between the remote's check and its write, 3 times.
    remote.hook(
        "pre-receive",
        f"""
        unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
        export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
        [ "$(wc -l < {tmp_path}/count)" = 3 ] && exit 0
        echo again >> {tmp_path}/count
        git update-ref refs/heads/main "$(git commit-tree -p main -m theirs 'main^{{tree}}')"
        """,
    )
    (tmp_path / "count").touch()
    sha = repo.replace(FILE, b"", expected=blob.oid, message="Back")
    assert remote.tip() == sha
    assert len(remote.shas()) == 1 + 3 + 1
