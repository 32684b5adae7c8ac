"""What the environments of one host share, used by all of their threads at once."""

import io
import json
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from moorline.adapters.files import HostFileStore
from moorline.adapters.staterepo import GitStateRepo
from moorline.agent.report import LogReporter
from moorline.cli import logging
from moorline.core.model import FileMount
from tests.parts.git import Remote
from tests.parts.processes import until

MANY = 8
WRITES = 4
PATH = "environments/e0.yaml"


def at_once(jobs: Iterable[Callable[[], object]]) -> list[object]:
    """Run jobs in threads that begin together; the first exception is raised."""
    every = list(jobs)
    barrier = threading.Barrier(len(every))

    def begin(job: Callable[[], object]) -> object:
        barrier.wait(10)
        return job()

    with ThreadPoolExecutor(len(every)) as pool:
        return list(pool.map(begin, every))


class TestStateRepo:
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        remote = Remote(tmp_path / "state.git")
        remote.commit({PATH: "first\n"})
        return remote

    @pytest.fixture
    def repo(self, tmp_path: Path, remote: Remote) -> GitStateRepo:
        return GitStateRepo(
            tmp_path / "mirror.git",
            url=remote.url,
            branch="main",
            host="web-1",
            committer_email="moorline@web-1",
        )

    def test_the_first_use_makes_one_mirror(self, repo: GitStateRepo, remote: Remote) -> None:
        at_once([repo.tip] * 4 + [repo.fetch] * 4)
        assert repo.tip() == remote.tip()

    def test_every_record_arrives_and_the_branch_never_goes_back(
        self, repo: GitStateRepo, remote: Remote
    ) -> None:
        repo.fetch()
        done = threading.Event()
        with ThreadPoolExecutor(MANY) as pool:
            lookers = [pool.submit(each, repo, done) for each in (_fetch, _follow, _follow)]
            writers = [pool.submit(_write, repo, f"e{each}") for each in range(3)]
            writers.append(pool.submit(_roll_back, repo))
            try:
                for writer in writers:
                    writer.result()
            finally:
                done.set()
            for looker in lookers:
                looker.result()
        for environment in range(3):
            assert len(remote.files(f"history/e{environment}/web-1")) == WRITES
        assert remote.show("main", PATH).strip() == str(WRITES - 1)

    def test_a_fetch_that_hangs_keeps_nobody_from_reading(
        self, repo: GitStateRepo, remote: Remote
    ) -> None:
        tip = repo.fetch()
        # whoever lists the branches waits for somebody to write to this one
        hanging = remote.path / "refs" / "heads" / "hanging"
        os.mkfifo(hanging)
        fetch = threading.Thread(target=repo.fetch)
        fetch.start()
        try:
            until(lambda: "upload-pack" in _children())
            for _ in range(3):
                assert repo.tip() == tip
                assert repo.paths(tip, "environments") == (PATH,)
            assert fetch.is_alive(), "it hung all the time"
        finally:
            hanging.open("w").close()
            hanging.unlink()
            fetch.join()

    def test_a_damaged_mirror_is_renewed_once(
        self, repo: GitStateRepo, remote: Remote, tmp_path: Path
    ) -> None:
        tip = repo.fetch()
        for found in (tmp_path / "mirror.git" / "objects").rglob("*"):
            if found.is_file():
                found.unlink()
                found.touch()
        answers = at_once([lambda: repo.paths(tip, "environments")] * MANY)
        assert answers == [(PATH,)] * MANY
        assert repo.mirror.generation == 1
        assert repo.fetch() == remote.tip()


class TestFileStore:
    def test_all_of_them_get_one_key_and_whole_files(self, tmp_path: Path) -> None:
        mount = FileMount(kind="secret", source="s", target="/s", uid=0, gid=0, mode=0o400)
        for attempt in range(20):
            folder = tmp_path / str(attempt)
            store = HostFileStore(state_dir=folder / "state", runtime_dir=folder / "run")

            def keep(environment: str, store: HostFileStore = store) -> tuple[str, bytes]:
                stored = store.store(environment, mount, b"x" * 10_000)
                return stored.version, Path(stored.path).read_bytes()

            names = [f"e{number}" for number in range(MANY)]
            found = set(at_once([lambda name=name: keep(name) for name in names]))
            assert len(found) == 1
            assert len((folder / "state" / "key").read_bytes()) == 32
            assert sorted(each.name for each in (folder / "state").iterdir()) == ["key"]


class TestReporter:
    def test_every_line_is_whole_and_names_its_environment(self) -> None:
        out = io.StringIO()
        logging.configure(out, machine=True)
        try:
            reporter = LogReporter()

            def talk(name: str) -> None:
                mine = reporter.about(name)
                for number in range(200):
                    mine.note("said", number=number, words="x" * 200)

            names = [f"e{number}" for number in range(MANY)]
            at_once([lambda name=name: talk(name) for name in names])
        finally:
            structlog.reset_defaults()
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        assert len(lines) == MANY * 200
        assert {line["environment"] for line in lines} == set(names)


def _write(repo: GitStateRepo, environment: str) -> None:
    """Records, as one environment's cycles leave them."""
    for number in range(WRITES):
        path = f"deployments/2026/11/23/20261123T00000{number}Z-{environment}-1.yaml"
        files = {path: b"kind: deployment\n"}
        repo.append(f"history/{environment}/web-1", files, message="record")


def _roll_back(repo: GitStateRepo) -> None:
    """Commits on the branch that people write."""
    for number in range(WRITES):
        present = repo.read(repo.fetch(), PATH)
        assert present is not None
        repo.replace(PATH, f"{number}\n".encode(), expected=present.oid, message="rollback")


def _fetch(repo: GitStateRepo, done: threading.Event) -> None:
    while not done.is_set():
        repo.fetch()


def _follow(repo: GitStateRepo, done: threading.Event) -> None:
    """What a cycle reads. A branch that goes back would be held as a rewritten history."""
    accepted = repo.tip()
    while not done.is_set():
        tip = repo.tip()
        assert accepted is not None
        assert tip is not None
        assert repo.relation(accepted, tip) in {"same", "ahead"}
        assert repo.last_change(tip, PATH) is not None
        accepted = tip


def _children() -> str:
    """The command lines of everything that runs on this machine."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((folder / "cmdline").read_text(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)
