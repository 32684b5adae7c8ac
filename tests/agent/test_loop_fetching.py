"""When the remote is asked, and who hears of it."""

import threading

import pytest

from moorline.agent.daemon.crew import Crew
from moorline.agent.daemon.fetching import Fetcher, PolledFetch
from moorline.agent.report import SilentReporter
from moorline.errors import RemoteUnreachable
from tests.fakes.host import FakeClock
from tests.fakes.staterepo import FakeRemote, FakeStateRepo
from tests.parts.processes import until


class CountingRepo(FakeStateRepo):
    """Counts fetches, and lets one through only while its gate is open."""

    def __init__(self, remote: FakeRemote) -> None:
        super().__init__(remote)
        self.fetches = 0
        self.gate = threading.Event()
        self.gate.set()

    def fetch(self) -> str:
        self.fetches += 1
        assert self.gate.wait(30)
        return super().fetch()


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, event: str, /, **values: object) -> None:
        self.said.append(f"{event}: {values['error']}")


@pytest.fixture
def remote() -> FakeRemote:
    remote = FakeRemote()
    remote.commit({"a": "1"})
    return remote


@pytest.fixture
def repo(remote: FakeRemote) -> CountingRepo:
    return CountingRepo(remote)


class TestPolled:
    def test_it_asks_once_per_interval(self, repo: CountingRepo) -> None:
        clock = FakeClock()
        fetch = PolledFetch(repo, clock, SilentReporter(), interval=30)
        for seconds in (0, 1, 28, 1, 30, 29):
            clock.elapsed += seconds
            fetch()
        assert repo.fetches == 3

    def test_trouble_lasts_until_the_next_attempt(
        self, repo: CountingRepo, remote: FakeRemote
    ) -> None:
        clock = FakeClock()
        notes = Notes()
        fetch = PolledFetch(repo, clock, notes, interval=30)
        remote.trouble = RemoteUnreachable("away")
        assert [str(fetch()), str(fetch())] == ["away", "away"]
        remote.trouble = None
        assert str(fetch()) == "away"
        clock.elapsed += 30
        assert fetch() is None
        assert notes.said == ["fetch failed: away"]


class TestFetcher:
    def test_news_is_told_and_only_news(self, repo: CountingRepo, remote: FakeRemote) -> None:
        told: list[str | None] = []
        fetcher = Fetcher(repo, SilentReporter(), lambda: told.append(repo.tip()), interval=30)
        fetcher.fetch()
        fetcher.fetch()
        first = remote.tip()
        second = remote.commit({"a": "2"})
        fetcher.fetch()
        fetcher.fetch()
        assert told == [first, second]

    def test_a_remote_that_goes_and_comes_back_is_news_both_times(
        self, repo: CountingRepo, remote: FakeRemote
    ) -> None:
        heard: list[str] = []
        notes = Notes()
        fetcher = Fetcher(repo, notes, lambda: heard.append(str(fetcher.trouble())), interval=30)
        fetcher.fetch()
        remote.trouble = RemoteUnreachable("away")
        fetcher.fetch()
        fetcher.fetch()
        remote.trouble = None
        fetcher.fetch()
        assert heard == ["None", "away", "None"]
        assert notes.said == ["fetch failed: away"]

    def test_a_hundred_hints_during_one_fetch_make_one_more(
        self, repo: CountingRepo, remote: FakeRemote
    ) -> None:
        told: list[str | None] = []
        fetcher = Fetcher(repo, SilentReporter(), lambda: told.append(repo.tip()), interval=600)
        crew = Crew(on_failure=lambda _name, _failure: None)
        repo.gate.clear()
        crew.start("fetch", fetcher)
        until(lambda: repo.fetches == 1)
        for number in range(100):
            remote.commit({"a": str(number)})
            fetcher.hint()
        repo.gate.set()
        until(lambda: repo.fetches == 2)
        crew.dismiss()
        assert repo.fetches == 2
        assert told == [remote.tip()]

    def test_a_fetch_that_hangs_does_not_keep_the_daemon(self, repo: CountingRepo) -> None:
        fetcher = Fetcher(repo, SilentReporter(), lambda: None, interval=600)
        crew = Crew(on_failure=lambda _name, _failure: None)
        repo.gate.clear()
        crew.start("fetch", fetcher, patience=0.01)
        until(lambda: repo.fetches == 1)
        crew.dismiss()
        repo.gate.set()
