"""The demo, for real: from its first step to the last, and to nothing left."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from moorline.cli.demo.world import ENVIRONMENT

pytestmark = pytest.mark.engine


def demo(*options: str) -> list[str]:
    return [sys.executable, "-m", "moorline", "demo", *options]


def left_behind() -> list[str]:
    """Everything that a demo makes and that is still there."""
    label = f"label=moorline.environment={ENVIRONMENT}"
    listings = (
        ("docker", "ps", "--all", "--quiet", "--filter", label),
        ("docker", "ps", "--all", "--quiet", "--filter", f"name={ENVIRONMENT}-"),
        ("docker", "network", "ls", "--quiet", "--filter", label),
        ("docker", "images", "--all", "--quiet", "--filter", "reference=*/shop/*"),
    )
    found = [subprocess.check_output(words, text=True).split() for words in listings]
    folders = Path(tempfile.gettempdir()).glob(f"{ENVIRONMENT}-*")
    return [*map(str, folders), *(each for listing in found for each in listing)]


@pytest.mark.timeout(180)
def test_the_whole_story_happens_and_nothing_is_left() -> None:
    done = subprocess.run(demo("--json"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    *acts, _ = told["steps"]
    _, second, bad, back, _, ingress, good_unnoticed, bad_unnoticed = acts
    assert [step["outcome"] for step in acts] == [
        "proven",
        "proven",
        "taken back",
        "proven",
        "repaired",
        "proven",
        "proven",
        "taken back",
    ]
    assert ingress["requests"] == 0
    for step in (good_unnoticed, bad_unnoticed):
        assert step["requests"] > 100
        assert step["failed_requests"] == 0
    assert bad_unnoticed["rollback_commit"] not in {None, bad_unnoticed["commit"]}
    assert bad["rollback_commit"] not in {None, bad["commit"], second["commit"]}
    assert f"git revert --no-edit {second['commit'][:7]}" in back["typed"]
    assert left_behind() == []


@pytest.mark.timeout(120)
def test_ctrl_c_leaves_nothing_either() -> None:
    # the right signal at the right time: once the first container is on its way
    with subprocess.Popen(
        demo(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.strip() == "$ git push":
                break
        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=60)
    assert running.returncode == 130
    assert complaint == "moorline: stopped; everything is removed again\n"
    assert left_behind() == []
