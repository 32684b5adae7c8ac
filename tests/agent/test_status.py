import threading
from pathlib import Path

import pytest

from moorline.agent.report import SilentReporter
from moorline.agent.views.status import Status, status_of
from moorline.errors import EngineUnreachable
from tests.fakes.host import FakeHost


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host that runs version 1, proven."""
    host = FakeHost(tmp_path)
    host.push({"web": host.image("1")})
    assert host.run("apply", "production").exit_code == 0
    return host


def status(host: FakeHost, *, fetch: bool = False) -> Status:
    with host.host(host.config, SilentReporter(), threading.Event()) as opened:
        if fetch:
            opened.repo.fetch()
        return status_of(opened, host.ledger)


def test_in_step(host: FakeHost) -> None:
    found = status(host)
    assert found.in_step
    assert (found.troubles, found.drift, found.under_way) == ((), found.drift, None)
    assert not found.drift


def test_looking_does_not_fetch(host: FakeHost) -> None:
    host.push({"web": host.image("2")})
    assert status(host).in_step
    assert not status(host, fetch=True).in_step


def test_what_is_aimed_at_and_what_is_proven_are_told_apart(host: FakeHost) -> None:
    commit = host.push({"web": host.image("2")})
    found = status(host, fetch=True)
    assert found.change is not None
    assert found.proven is not None
    assert (found.change.sha, found.is_proven) == (commit, False)
    assert found.proven.commit != commit


def test_an_invalid_file_leaves_the_proven_state_as_the_aim(host: FakeHost) -> None:
    host.push({"web": {"image": "nginx:1"}})
    found = status(host, fetch=True)
    assert "services.web.image: no digest" in found.troubles[0]
    assert (found.is_proven, bool(found.drift), found.in_step) == (True, False, False)


def test_a_plan_that_would_be_refused_is_a_trouble(host: FakeHost) -> None:
    host.push({"other": host.image("1")})
    assert "would remove every running service" in status(host, fetch=True).troubles[0]


def test_an_engine_that_goes_away_in_the_middle_is_a_trouble(host: FakeHost) -> None:
    seen: list[str] = []

    def second_look(method: str) -> None:
        seen.append(method)
        if len(seen) > 1:
            raise EngineUnreachable("observe: the Docker Engine does not answer")

    host.engine.on_call = second_look
    found = status(host)
    assert (found.drift, found.in_step) == (None, False)
    assert found.troubles == ("observe: the Docker Engine does not answer",)


def test_foreign_containers_are_shown_as_such(host: FakeHost) -> None:
    labels = {"com.docker.compose.project": "production", "com.docker.compose.service": "db"}
    body = {"Image": str(host.image("1")), "Labels": labels}
    host.engine.create_container("by-hand", body)
    found = status(host)
    assert found.running is not None
    assert {each.name: each.ours for each in found.running} == {
        "by-hand": False,
        "production-web-1": True,
    }
