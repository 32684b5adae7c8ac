"""The parts of the demo, each on its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from moorline.cli.demo.clean import write_script
from moorline.cli.demo.crowd import Crowd
from moorline.cli.demo.envfile import adapted, seamless
from moorline.cli.demo.failures import StepFailed, until
from moorline.cli.demo.images import page
from moorline.cli.demo.logs import readable
from moorline.cli.demo.machine import Machine
from moorline.cli.demo.person import person_environment
from moorline.cli.demo.processes import Child
from moorline.cli.demo.screen import Screen
from moorline.cli.demo.stage import Stage
from moorline.cli.demo.story import act
from moorline.cli.demo.visitor import Visitor
from moorline.cli.demo.world import ENVIRONMENT, World
from moorline.cli.template import template_root
from moorline.core import compose
from moorline.core.image import ImageRef
from moorline.errors import Stalled
from tests.parts.processes import until as eventually
from tests.parts.stub_http import Reply, Request, serving


def template() -> str:
    return (template_root() / "environments/production.yaml").read_text()


def test_the_adapted_template_is_a_valid_environment() -> None:
    path = f"environments/{ENVIRONMENT}.yaml"
    found = compose.load(adapted(template(), 8099).encode(), path=path, variables={}, files={})
    (web,) = found.services
    assert found.name == ENVIRONMENT
    assert web.health.http == "http://:3000/health"
    assert web.health.deadline == 8.0
    assert web.health.stability == 1.0


def test_the_seamless_file_differs_in_its_strategy_alone() -> None:
    path = f"environments/{ENVIRONMENT}.yaml"
    text = seamless(adapted(template(), 8099))
    found = compose.load(text.encode(), path=path, variables={}, files={})
    (web,) = found.services
    assert web.strategy.name == "blue-green"
    assert [each.host_port for each in web.listeners] == [8099]
    assert web.health.stability == 1.0


def test_a_template_that_changed_is_noticed() -> None:
    with pytest.raises(Stalled, match="no longer says 'interval: 2s' once"):
        adapted(template().replace("interval: 2s", "interval: 3s"), 8099)


@pytest.mark.parametrize(
    ("body", "version"),
    [(b"<h1>shop, version 2</h1>", "2"), (b"<h1>another page</h1>", ""), (b"", "")],
)
def test_a_page_says_its_version(body: bytes, version: str) -> None:
    assert page(body) == version


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"timestamp": "2026-11-23T10:15:00.1Z", "event": "cycle", "end": "x"}',
            "10:15:00  cycle  end=x",
        ),
        ("no JSON", "no JSON"),
        ("[1]", "[1]"),
    ],
)
def test_a_log_line_is_made_readable(line: str, expected: str) -> None:
    assert readable(line) == expected


def test_what_does_not_come_true_is_named() -> None:
    with pytest.raises(StepFailed, match="not within 0 s: pigs fly"):
        until(lambda: False, "pigs fly", within=0.0)


def test_a_visitor_sees_who_answers_and_when_nobody_does() -> None:
    says = ["shop, version 1"]

    def respond(_: Request) -> Reply | None:
        return Reply(body=says[-1].encode()) if says[-1] else None

    with serving(respond) as site, Visitor(site.port) as visitor:
        eventually(lambda: visitor.says(1))
        began = time.monotonic()
        says.append("")
        eventually(lambda: visitor.silent(after=began) > 0)
        assert not visitor.says(1)
        says.append("shop, version 2")
        eventually(lambda: visitor.says(2))
    assert 0 < visitor.silent(after=began) <= visitor.settled(after=began)


def test_a_crowd_counts_every_answer_by_its_version_and_what_failed() -> None:
    replies = {"/": Reply(body=b"shop, version 1")}

    with serving(lambda request: replies[request.path]) as site, Crowd(site.port) as crowd:
        eventually(lambda: crowd.tally().answered.get("1", 0) > 10)
        assert crowd.tally().failed == 0
        replies["/"] = Reply(body=b"shop, version 2")
        eventually(lambda: crowd.tally().answered.get("2", 0) > 10)
        assert crowd.tally().failed == 0
        replies["/"] = Reply(status=503, body=b"shop, version 2")
        eventually(lambda: crowd.tally().failed > 10)
    tally = crowd.tally()
    assert tally.asked == sum(tally.answered.values()) + tally.failed
    assert str(tally).endswith(f"failed: {tally.failed:,}")


def test_nobody_answering_is_a_failure() -> None:
    with serving(lambda _: None) as site, Crowd(site.port) as crowd:
        eventually(lambda: crowd.tally().failed > 4)
    assert crowd.tally().answered == {}


def world(folder: Path) -> World:
    machine = Machine(
        engine="unix:///nowhere.sock",
        engine_version="1",
        busybox=folder,
        registry=folder,
        haproxy=folder,
    )
    env = person_environment(folder, machine.engine)
    (folder / "state").mkdir()
    return World(folder=folder, machine=machine, env=env, registry="127.0.0.1:1", port=1)


def test_a_step_that_does_not_happen_is_named(tmp_path: Path) -> None:
    screen = Screen(Console(quiet=True))
    stage = Stage(world(tmp_path), screen, Visitor(1))
    with pytest.raises(StepFailed) as caught:
        act(stage, dict.fromkeys((1, 2, 3), ImageRef.parse("shop/web:1")))
    expected = "step 1 did not happen (First deployment): 'cp environments/production.yaml"
    assert str(caught.value).startswith(expected)


def test_the_script_ends_programs_and_removes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "moorline-demo-x"
    folder.mkdir()
    words = [sys.executable, "-c", "import time; time.sleep(60)", str(folder)]
    child = Child("daemon", words, folder=folder, env=os.environ)
    script = write_script(folder, engine="unix:///x", environment="e", images="i")
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n')
    docker.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", script], env=environ, check=True, timeout=30)
    child.stop()
    assert not folder.exists()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [
        "ps --all --quiet --filter label=moorline.environment=e",
        f"ps --all --quiet --filter label=moorline.ingress.folder={folder}/host/state/ingress",
        "network ls --quiet --filter label=moorline.environment=e",
        "images --quiet --filter reference=i",
    ]
