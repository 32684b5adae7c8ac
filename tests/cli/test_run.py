"""The program as people start it: a process of its own, on a real state repo."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from moorline.agent.durable.lock import lock_holder, state_lock
from tests.fakes.host import FakeHost
from tests.parts.processes import until


def command(host: FakeHost, *words: str) -> list[str]:
    return [sys.executable, "-m", "moorline", *words, "--config", str(host.config_path)]


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host whose engine is not there: the daemon has to cope with that as well."""
    host = FakeHost(tmp_path)
    host.configure()
    with host.config_path.open("a") as file:
        file.write(f'[engine]\nurl = "unix://{tmp_path}/no-engine.sock"\n')
    host.push({"web": host.image("1")})
    return host


def test_the_daemon_runs_until_sigterm_and_logs_json(host: FakeHost) -> None:
    log = host.folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command(host, "run"), stdout=subprocess.PIPE, stderr=out)
    until(lambda: '"event":"cycle"' in log.read_text().replace(": ", ":"), within=30)
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, b"")
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert "running" in events
    assert events[-1] == "stopped"


def test_a_second_daemon_is_refused_in_one_line(host: FakeHost) -> None:
    with state_lock(Path(host.config.state_dir), "run"):
        done = subprocess.run(command(host, "run"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"moorline: moorline run (pid {os.getpid()}) is working with {host.config.state_dir}; it "
        "applies commits by itself; look with 'moorline status'\n"
    )


def test_the_lock_is_seen_without_being_taken(host: FakeHost) -> None:
    state = Path(host.config.state_dir)
    assert lock_holder(state) == ""
    with state_lock(state, "apply production"):
        assert lock_holder(state) == f"moorline apply production (pid {os.getpid()})"
    assert lock_holder(state) == ""


BAD_CONFIGS = [
    ("no file", None, "does not exist; create it, or name another with --config"),
    ("not TOML", "repo = [", "Invalid"),
    ("a typing error", '[repo]\nurl = "/x"\n[engin]\n', "engin: not a setting; did you mean"),
    ("nothing to do", '[repo]\nurl = "/x"\n', "environments"),
    (
        "an odd duration",
        'environments = ["a"]\n[repo]\nurl = "/x"\npoll_interval = "often"\n',
        "poll",
    ),
]


@pytest.mark.parametrize(
    ("text", "says"), [each[1:] for each in BAD_CONFIGS], ids=[each[0] for each in BAD_CONFIGS]
)
def test_a_configuration_that_cannot_be_used_is_exit_2(
    host: FakeHost, text: str | None, says: str
) -> None:
    host.config_path.unlink()
    if text is not None:
        host.config_path.write_text(text)
    result = host.run("run")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"moorline: {host.config_path}")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", ["apply", "run"])
def test_a_state_dir_that_cannot_be_made_is_exit_1(host: FakeHost, verb: str) -> None:
    text = host.config_path.read_text().replace('"state"', '"/proc/moorline"')
    host.config_path.write_text(text)
    result = host.run(verb, *(["production"] if verb == "apply" else []))
    assert result.exit_code == 1
    assert result.stderr.startswith("moorline: /proc/moorline")
    assert "let moorline's user write to it" in result.stderr


def test_an_engine_that_is_away_is_one_line(host: FakeHost) -> None:
    words = command(host, "apply", "production")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("'systemctl status docker' tells")
    assert "Traceback" not in done.stderr
