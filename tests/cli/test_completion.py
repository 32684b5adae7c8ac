import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from moorline.cli.app import VERBS, app
from tests.fakes.host import FakeHost


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_calls_the_program_under_its_name(shell: str) -> None:
    result = CliRunner().invoke(app, ["completion", shell], prog_name="moorline")
    assert result.exit_code == 0
    assert f"_MOORLINE_COMPLETE={shell}_complete" in result.stdout


def test_another_shell_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["completion", "tcsh"], prog_name="moorline")
    assert result.exit_code == 2


def completed(*words: str, **env: str) -> list[str]:
    """What a bash that runs the script would offer for the last word."""
    environment = {
        **os.environ,
        "_MOORLINE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("moorline", *words)),
        "COMP_CWORD": str(len(words)),
        **env,
    }
    done = subprocess.run(
        [sys.executable, "-m", "moorline"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_verbs_are_completed() -> None:
    assert completed("") == list(VERBS)
    assert completed("pl") == ["plan"]


def test_options_of_a_verb_are_completed() -> None:
    assert completed("plan", "--r") == ["--ref"]
    assert completed("plan", "--de") == ["--debug"]


def test_environments_are_completed_from_the_configuration(host: FakeHost) -> None:
    config = str(host.config_path)
    assert completed("plan", "", MOORLINE_CONFIG=config) == ["production", "staging"]
    assert completed("plan", "s", MOORLINE_CONFIG=config) == ["staging"]


def test_a_missing_configuration_completes_nothing(host: FakeHost) -> None:
    assert completed("plan", "s", MOORLINE_CONFIG=str(host.folder / "no.toml")) == []
