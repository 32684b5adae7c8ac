"""The threads that ring the bells, and the words to systemd."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorline.agent.daemon.crew import Crew, Worker
from moorline.agent.daemon.sdnotify import notify
from moorline.agent.daemon.wake import Wake, Wakes
from moorline.agent.daemon.watch import EngineWatch, RepoWatch, local_refs
from moorline.agent.report import SilentReporter
from moorline.errors import EngineUnreachable
from tests.fakes.engine import FakeEngine
from tests.parts.git import Remote
from tests.parts.processes import until


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    crew = Crew(on_failure=lambda _name, _failure: None)
    crew.start("watch", worker)
    yield
    crew.dismiss()


class TestEngine:
    @pytest.fixture
    def engine(self) -> FakeEngine:
        engine = FakeEngine()
        engine.images.add("registry.example/web@sha256:" + "1" * 64)
        return engine

    @pytest.fixture
    def wake(self, engine: FakeEngine) -> Iterator[Wake]:
        """Hints of a watch that follows the project `production`."""
        wake = Wake()
        wake.take()
        watch = EngineWatch(engine, Wakes({"production": wake}), SilentReporter())
        with running(watch):
            until(wake.has_suspects)
            assert wake.take().suspects.everything, "nobody knows what happened before"
            yield wake

    def _create(self, engine: FakeEngine, project: str) -> str:
        labels = {"com.docker.compose.project": project}
        image = "registry.example/web@sha256:" + "1" * 64
        return engine.create_container(project, {"Image": image, "Labels": labels})

    def test_what_happens_to_our_containers_is_a_hint(
        self, engine: FakeEngine, wake: Wake
    ) -> None:
        container = self._create(engine, "production")
        engine.start(container)
        until(wake.has_suspects)
        assert wake.take().suspects.ids == {container}

    def test_what_happens_to_others_is_none(self, engine: FakeEngine, wake: Wake) -> None:
        engine.start(self._create(engine, "elsewhere"))
        container = self._create(engine, "production")
        engine.start(container)
        until(wake.has_suspects)
        assert wake.take().suspects.ids == {container}

    def test_a_stream_that_ended_is_followed_again_with_everything_suspect(
        self, engine: FakeEngine, wake: Wake
    ) -> None:
        engine.fail_next("events", EngineUnreachable("restarting"))
        engine.end_events()
        until(wake.has_suspects)
        assert wake.take().suspects.everything
        container = self._create(engine, "production")
        engine.start(container)
        until(wake.has_suspects)
        assert wake.take().suspects.ids == {container}


class TestRepo:
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        remote = Remote(tmp_path / "state.git")
        remote.commit({"README.md": "words"})
        return remote

    def test_a_push_to_the_branch_is_a_hint(self, remote: Remote) -> None:
        refs = local_refs(remote.url)
        assert refs is not None
        moved = threading.Event()
        with running(RepoWatch(refs, "main", moved.set, SilentReporter())):
            # the watch needs a moment to begin, and says nothing when it has
            until(lambda: bool(remote.commit({})) and moved.is_set())
            moved.clear()
            remote.commit({"c": "d"})
            until(moved.is_set)

    def test_what_cannot_be_watched_is_polled(self, tmp_path: Path) -> None:
        watch = RepoWatch(tmp_path / "gone", "main", lambda: None, SilentReporter())
        crew = Crew(on_failure=lambda _name, _failure: None)
        crew.start("watch", watch)
        crew.dismiss()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("{tmp}/bare.git", "bare.git/refs/heads"),
        ("file://{tmp}/bare.git", "bare.git/refs/heads"),
        ("{tmp}/tree", "tree/.git/refs/heads"),
        ("{tmp}/nothing", None),
        ("ssh://git@git.example.test/bare.git", None),
        ("git@git.example.test:bare.git", None),
    ],
)
def test_only_a_repository_on_this_host_has_refs_to_watch(
    tmp_path: Path, url: str, found: str | None
) -> None:
    for folder in ("bare.git/refs/heads", "tree/.git/refs/heads"):
        (tmp_path / folder).mkdir(parents=True)
    expected = None if found is None else tmp_path / found
    assert local_refs(url.format(tmp=tmp_path)) == expected


class TestSystemd:
    def test_it_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        address = str(tmp_path / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(address)
            monkeypatch.setenv("NOTIFY_SOCKET", address)
            notify("READY=1")
            assert listener.recv(100) == b"READY=1"

    @pytest.mark.parametrize("address", ["", "/nowhere/notify", "@moorline-test-nobody"])
    def test_nobody_who_listens_is_no_error(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1")
