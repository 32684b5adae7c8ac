"""`moorline accept`: a person's answer to a rewritten branch."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from moorline.agent.durable.acceptance import Acceptance
from moorline.cli.app import app
from tests.parts.git import Remote


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "state.git")
    made.commit({"README.md": "state\n"})
    return made


@pytest.fixture
def config(tmp_path: Path, remote: Remote) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(
        f'environments = ["production"]\nstate_dir = "state"\n[repo]\nurl = "{remote.url}"\n'
    )
    return path


@pytest.mark.parametrize("digits", [7, 40])
def test_the_tip_is_accepted_by_its_name_in_full_or_in_short(
    config: Path, remote: Remote, tmp_path: Path, digits: int
) -> None:
    tip = remote.tip() or ""
    done = CliRunner().invoke(app, ["--config", str(config), "accept", "production", tip[:digits]])
    assert (done.exit_code, done.stdout) == (0, f"accepted {tip} for production\n")
    assert Acceptance(tmp_path / "state", "production").read() == tip


@pytest.mark.parametrize("sha", ["0" * 40, "", "main", "HEAD", "--force"])
def test_nothing_but_the_tip_is_accepted(config: Path, tmp_path: Path, sha: str) -> None:
    done = CliRunner().invoke(app, ["--config", str(config), "accept", "production", "--", sha])
    assert done.exit_code == 2
    assert "is not the tip of main" in done.stderr
    assert not Acceptance(tmp_path / "state", "production").read()
