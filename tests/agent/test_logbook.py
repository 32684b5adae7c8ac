"""What a rollout writes down while it goes on."""

from pathlib import Path

import pytest

from moorline.agent.durable.journal import Entry, Journal
from moorline.agent.durable.ledger import Ledger
from moorline.agent.logbook import Logbook
from moorline.core.desired import Desired
from moorline.core.model import Environment
from tests.agent.world import World
from tests.fakes.host import FakeClock


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return World(tmp_path).ledger


@pytest.fixture
def logbook(ledger: Ledger) -> Logbook:
    entry = Entry(
        id="20261123T100000Z-production-aaaaaaa",
        environment="production",
        commit="a" * 40,
        blob="b" * 40,
        author="Ada",
        subject="change",
        started="2026-11-23T10:00:00+00:00",
        previous=None,
        on_failure="revert",
    )
    environment = Environment(name="production", sensitive=frozenset({"hunter22"}))
    desired = Desired(environment=environment, commit="a" * 40, blob="b", workloads=())
    return Logbook(ledger, FakeClock(elapsed=3), entry, desired)


def saved(ledger: Ledger) -> Entry:
    entry = ledger.journal.load()
    assert entry is not None
    return entry


def test_a_turn_is_durable_and_keeps_its_first_time(logbook: Logbook, ledger: Ledger) -> None:
    logbook.turn("touching", timing="ready", reason="")
    logbook.turn("touching", timing="ready")
    assert isinstance(ledger.journal, Journal)
    assert (saved(ledger).phase, saved(ledger).timings) == ("touching", {"ready": 3.0})


def test_only_the_first_plan_is_kept(logbook: Logbook) -> None:
    logbook.plan([{"do": "pull"}])
    logbook.plan([{"do": "start"}])
    assert logbook.entry.plan == [{"do": "pull"}]


def test_a_canary_comes_back_as_it_was_saved(logbook: Logbook, ledger: Ledger) -> None:
    assert logbook.canary("web") == {}
    logbook.save_canary("web", {"step": 1})
    assert logbook.canary("web") == saved(ledger).canaries["web"] == {"step": 1}


def test_a_job_is_noted_once_and_masked(logbook: Logbook, ledger: Ledger) -> None:
    logbook.job("web", {"job": "a", "logs": ["pass hunter22"], "seconds": 1.5})
    logbook.job("web", {"job": "b", "exit_code": 0})
    logbook.job("web", {"job": "a", "logs": [], "more": {"why": "hunter22"}})
    assert saved(ledger).jobs["web"] == [
        {"job": "b", "exit_code": 0},
        {"job": "a", "logs": [], "more": {"why": "***"}},
    ]


def test_a_one_way_job_is_remembered_beyond_its_rollout(logbook: Logbook, ledger: Ledger) -> None:
    logbook.forward_only("web", "migrate")
    assert saved(ledger).forward_only == "web/migrate"
    assert ledger.memory.load().forward_only == "web/migrate"


def test_its_deployment_is_its_id(logbook: Logbook) -> None:
    assert logbook.deployment == "20261123T100000Z-production-aaaaaaa"
