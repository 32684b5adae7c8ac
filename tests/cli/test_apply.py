import signal
from collections.abc import Mapping
from pathlib import Path

from moorline.agent.durable.lock import state_lock
from moorline.errors import EngineUnreachable, Waiting
from tests.fakes.host import FakeHost


def test_a_first_version_is_proven(host: FakeHost) -> None:
    commit = host.push({"web": host.image("1")})
    result = host.run("apply", "production")
    assert (result.exit_code, result.stdout) == (
        0,
        f"production is proven at {commit[:7]}: web changed\n",
    )
    assert host.engine.running() == ["production-web-1"]


def test_log_lines_of_the_run_go_to_stderr(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    lines = host.run("apply", "production").stderr.splitlines()
    assert "rollout begins" in lines[0]
    assert any("step done" in line and "do=prove what=web" in line for line in lines)


def test_converged_is_exit_0_and_says_so(host: FakeHost) -> None:
    commit = host.push({"web": host.image("1")})
    host.run("apply", "production")
    result = host.run("apply", "production")
    assert (result.exit_code, result.stdout) == (0, f"production is in step at {commit[:7]}\n")


def test_drift_is_repaired(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.run("apply", "production")
    host.engine.kill("production-web-1")
    result = host.run("apply", "production")
    assert (result.exit_code, result.stdout) == (0, "production: repaired web #1\n")


def test_a_bad_version_is_taken_back_with_exit_3(host: FakeHost) -> None:
    good = host.push({"web": host.image("1")})
    host.run("apply", "production")
    bad = host.push({"web": host.bad_image("2")})
    result = host.run("apply", "production")
    assert result.exit_code == 3
    assert result.stdout.startswith(f"production: {bad[:7]} failed (web: ")
    assert result.stdout.endswith(f"; taken back to {good[:7]}\n")
    assert host.file() == host.file(good)


def test_a_commit_that_failed_here_before_is_held_with_exit_4(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.run("apply", "production")
    bad = host.push({"web": host.bad_image("2")}, **{"x-moorline": {"on_failure": "hold"}})
    assert host.run("apply", "production").exit_code == 3
    result = host.run("apply", "production")
    assert result.exit_code == 4
    assert result.stderr.splitlines()[-1].startswith(
        f"moorline: production: {bad[:7]} failed here"
    )
    assert host.engine.running() == ["production-web-1"]


def test_an_invalid_file_is_exit_2_with_every_problem(host: FakeHost) -> None:
    host.push({"web": {"image": "nginx:1", "port": []}})
    result = host.run("apply", "production")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        (
            "environments/production.yaml:4:12: services.web.image: no digest; run 'moorline pin "
            "production web nginx:1'"
        ),
        (
            "environments/production.yaml:5:5: services.web.port: not a Compose key; did you mean "
            "'ports'?"
        ),
    ]


def test_an_unknown_environment_is_exit_2_with_a_near_miss(host: FakeHost) -> None:
    result = host.run("apply", "produktion")
    assert (result.exit_code, result.stderr) == (
        2,
        (
            "moorline: 'produktion' is not an environment of this host (production, staging); did "
            "you mean 'production'?\n"
        ),
    )


def test_an_engine_that_is_away_is_exit_1_and_nothing_is_touched(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.engine.unreachable = True
    result = host.run("apply", "production")
    assert result.exit_code == 1
    assert "the Docker Engine does not answer" in result.stderr.splitlines()[-1]


def test_one_moorline_at_a_time(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    with state_lock(Path(host.config.state_dir), "run"):
        result = host.run("apply", "production")
    assert result.exit_code == 1
    assert result.stderr.startswith("moorline: moorline run (pid ")
    assert "it applies commits by itself" in result.stderr
    assert host.engine.running() == []


def test_json_holds_the_outcome(host: FakeHost) -> None:
    commit = host.push({"web": host.image("1")})
    found = host.run_json("apply", "production")
    assert found == {
        "environment": "production",
        "outcome": "proven",
        "sentence": f"production is proven at {commit[:7]}: web changed",
        "record": f"20261123T100000Z-production-{commit[:7]}",
        "proven_commit": commit,
        "complaint": None,
        "exit_code": 0,
    }


def test_a_newer_commit_is_followed_at_once(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    newer: list[str] = []

    def while_starting(method: str) -> None:
        if method == "start" and not newer:
            newer.append(host.push({"web": host.image("2")}))

    host.engine.on_call = while_starting
    result = host.run("apply", "production")
    assert (result.exit_code, result.stdout) == (
        0,
        f"production is proven at {newer[0][:7]}: web changed\n",
    )
    assert "superseded" in result.stderr


def test_sigterm_leaves_off_between_two_steps_and_the_next_apply_goes_on(host: FakeHost) -> None:
    commit = host.push({"web": host.image("1")})
    host.engine.on_call = lambda method: (
        signal.raise_signal(signal.SIGTERM) if method == "create_container" else None
    )
    result = host.run("apply", "production")
    assert result.exit_code == 1
    assert result.stderr.endswith("left off; the next apply, or the daemon, takes it up again\n")
    host.engine.on_call = lambda _: None
    assert host.run("apply", "production").stdout.startswith("production is proven at")
    assert host.run_json("history", "production")[0]["commit"] == commit


def test_ctrl_c_is_exit_130(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.engine.on_call = lambda method: (
        signal.raise_signal(signal.SIGINT) if method == "pull" else None
    )
    assert host.run("apply", "production").exit_code == 130


def test_an_error_on_the_way_leaves_the_rollout_open(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.engine.fail_next(
        "start", EngineUnreachable("starting: the Docker Engine does not answer")
    )
    assert host.run("apply", "production").exit_code == 1
    assert host.ledger.journal.load() is not None
    assert host.run("apply", "production").exit_code == 0


class TestWaiting:
    """A rollout that takes its time. The engine stands in for whatever it waits for."""

    def test_it_is_gone_on_with_until_its_end(self, host: FakeHost) -> None:
        commit = host.push({"web": host.image("1")})
        _wait_before_start(host, {"at 5 %": 3, "at 25 %": 2})
        result = host.run("apply", "production")
        assert (result.exit_code, result.stdout) == (
            0,
            f"production is proven at {commit[:7]}: web changed\n",
        )
        assert host.clock.elapsed >= 5 * SECONDS

    def test_each_reason_is_told_once(self, host: FakeHost) -> None:
        host.push({"web": host.image("1")})
        _wait_before_start(host, {"at 5 %": 3, "paused: moorline promote": 4})
        lines = host.run("apply", "production").stderr.splitlines()
        told = [line for line in lines if "waiting" in line]
        assert len(told) == 2
        assert "at 5 %" in told[0]
        assert "paused: moorline promote" in told[1]

    def test_no_wait_leaves_it_waiting_with_exit_4(self, host: FakeHost) -> None:
        host.push({"web": host.image("1")})
        _wait_before_start(host, {"at 5 %": 1})
        result = host.run("apply", "production", "--no-wait")
        assert result.exit_code == 4
        assert "at 5 %" in result.stdout + result.stderr
        assert host.ledger.journal.load() is not None
        assert host.run("apply", "production", "--no-wait").exit_code == 0

    def test_json_says_so_too(self, host: FakeHost) -> None:
        host.push({"web": host.image("1")})
        _wait_before_start(host, {"at 5 %": 1})
        found = host.run_json("apply", "production", "--no-wait")
        assert (found["outcome"], found["exit_code"]) == ("waiting", 4)

    def test_a_newer_commit_ends_the_wait(self, host: FakeHost) -> None:
        host.push({"web": host.image("1")})
        newer: list[str] = []
        _wait_before_start(host, {"at 5 %": 1})
        host.clock.on_wait = lambda: newer.append(host.push({"web": host.image("2")}))
        result = host.run("apply", "production")
        assert result.stdout == f"production is proven at {newer[0][:7]}: web changed\n"

    def test_ctrl_c_ends_the_wait(self, host: FakeHost) -> None:
        host.push({"web": host.image("1")})
        _wait_before_start(host, {"at 5 %": 1})
        host.clock.on_wait = lambda: signal.raise_signal(signal.SIGINT)
        result = host.run("apply", "production")
        assert result.exit_code == 130
        assert host.ledger.journal.load() is not None


SECONDS = 2.0


def _wait_before_start(host: FakeHost, reasons: Mapping[str, int]) -> None:
    """Have the next starts of containers wait, each reason so many times."""
    for reason, times in reasons.items():
        for _ in range(times):
            host.engine.fail_next("start", Waiting(reason, seconds=SECONDS))
