"""`moorline promote`: a person's word that a paused canary may go on."""

from pathlib import Path
from typing import Literal

import pytest
from click.testing import CliRunner, Result

from moorline.agent.durable.journal import Entry, Journal
from moorline.agent.execution.promotion import Promotion
from moorline.cli.app import app

DEPLOYMENT = "20261123T100000Z-production-c0ffee0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.toml").write_text(
        'environments = ["production"]\nstate_dir = "state"\n[repo]\nurl = "/state.git"\n'
    )
    return tmp_path


def promote(folder: Path, *words: str) -> Result:
    arguments = ["--config", str(folder / "agent.toml"), "promote", *words]
    return CliRunner().invoke(app, arguments)


def under_way(
    folder: Path, *, paused: bool, phase: Literal["touching", "taking back"] = "touching"
) -> None:
    """A rollout whose canary is in its second step."""
    nothing = {"requests": 0, "errors": 0, "timed": 0, "slow": 0}
    tally = {"seen": nothing, "total": nothing, "before": nothing}
    canary = {
        "track": "green",
        "looked": "2026-11-23T10:00:00+00:00",
        "new": tally,
        "old": tally,
        "step": 1,
        "paused": paused,
    }
    entry = Entry(
        id=DEPLOYMENT,
        environment="production",
        commit="c0ffee",
        blob="b10b",
        author="Ada",
        subject="change",
        started="2026-11-23T10:00:00+00:00",
        previous=None,
        on_failure="revert",
        phase=phase,
        canaries={"web": canary},
    )
    Journal(folder / "state", "production").save(entry)


def given(folder: Path, service: str = "web", step: int = 1) -> bool:
    return Promotion(folder / "state", "production", service).given(DEPLOYMENT, step)


def test_a_canary_that_waits_is_promoted_for_its_step(folder: Path) -> None:
    under_way(folder, paused=True)
    done = promote(folder, "production", "web")
    assert (done.exit_code, done.stdout) == (
        0,
        "promoted web in production: step 2 of its canary is over\n",
    )
    assert given(folder)
    assert not given(folder, step=2)


@pytest.mark.parametrize("service", ["web", "db", "../web"])
def test_where_nothing_waits_nothing_is_promoted(folder: Path, service: str) -> None:
    if service == "web":
        under_way(folder, paused=False)
    done = promote(folder, "production", service)
    assert done.exit_code == 1
    assert f"production/{service}: no canary waits to be promoted" in done.stderr
    assert not (folder / "state" / "promoted").exists()


def test_what_is_taken_back_is_not_promoted(folder: Path) -> None:
    under_way(folder, paused=True, phase="taking back")
    assert promote(folder, "production", "web").exit_code == 1
    assert not given(folder)


@pytest.mark.parametrize("words", [("production",), ("staging", "web")])
def test_it_takes_an_environment_of_this_host_and_a_service(
    folder: Path, words: tuple[str, ...]
) -> None:
    assert promote(folder, *words).exit_code == 2
