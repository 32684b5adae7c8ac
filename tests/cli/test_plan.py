from pathlib import Path

import pytest

from moorline.agent.durable.lock import state_lock
from moorline.core.image import ImageRef
from tests.fakes.host import FakeHost


def applied(host: FakeHost, version: str = "1") -> ImageRef:
    image = host.image(version)
    host.push({"web": image})
    assert host.run("apply", "production").exit_code == 0
    return image


def test_changes_are_exit_10_one_line_for_each_step(host: FakeHost) -> None:
    image = host.image("1")
    host.push({"web": image})
    result = host.run("plan", "production")
    assert result.exit_code == 10
    verbs = [line.split()[0] for line in result.stdout.splitlines()]
    assert verbs == ["pull", "create", "create", "ready", "start", "prove"]
    assert str(image) in result.stdout


def test_nothing_is_done(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.run("plan", "production")
    assert host.engine.running() == []
    assert not Path(host.config.state_dir).exists()


def test_nothing_to_do_is_exit_0(host: FakeHost) -> None:
    applied(host)
    result = host.run("plan", "production")
    assert (result.exit_code, result.stdout) == (0, "production: nothing to do\n")


def test_a_new_commit_is_seen_without_the_daemon(host: FakeHost) -> None:
    applied(host)
    host.push({"web": host.image("2")})
    assert host.run("plan", "production").exit_code == 10


def test_an_earlier_commit_can_be_planned_for(host: FakeHost) -> None:
    applied(host)
    earlier = host.remote.tip() or ""
    applied(host, "2")
    found = host.run_json("plan", "production", "--ref", earlier[:8])
    assert found["commit"] == earlier
    assert {
        "do": "stop",
        "what": "web #1",
        "detail": "",
        "why": "replaced: its image changed",
    } in (found["steps"])


def test_json_of_nothing_to_do_has_no_steps(host: FakeHost) -> None:
    applied(host)
    found = host.run_json("plan", "production")
    assert sorted(found) == ["commit", "digest", "environment", "refusal", "steps", "subject"]
    assert (found["steps"], found["refusal"]) == ([], None)


def test_secrets_and_configs_are_planned_for_without_being_stored(host: FakeHost) -> None:
    body = {"image": str(host.image("1")), "configs": ["motd"]}
    host.push({"web": body}, configs={"motd": {"content": "hello"}})
    assert host.run("plan", "production").exit_code == 10
    assert host.run("apply", "production").exit_code == 0
    assert host.run("plan", "production").exit_code == 0
    stored = sorted(Path(host.config.state_dir, "configs").iterdir())
    host.push({"web": body}, configs={"motd": {"content": "good bye"}})
    assert host.run("plan", "production").exit_code == 10
    assert sorted(Path(host.config.state_dir, "configs").iterdir()) == stored


def test_it_works_while_the_daemon_runs(host: FakeHost) -> None:
    applied(host)
    with state_lock(Path(host.config.state_dir), "run"):
        assert host.run("plan", "production").exit_code == 0


def test_a_rollout_under_way_is_mentioned(host: FakeHost) -> None:
    applied(host)
    commit = host.push({"web": host.image("2")})
    host.engine.unreachable = True
    host.run("apply", "production")
    host.engine.unreachable = False
    result = host.run("plan", "production")
    assert f"the change to {commit[:7]} is under way (preparing)" in result.stderr


def test_an_invalid_file_is_exit_2(host: FakeHost) -> None:
    applied(host)
    host.push({"web": {"image": "nginx:1"}})
    result = host.run("plan", "production")
    assert result.exit_code == 2
    assert "services.web.image: no digest" in result.stderr


def test_a_plan_that_the_guard_refuses_is_shown_and_exit_4(host: FakeHost) -> None:
    applied(host)
    host.push({"other": host.image("1")})
    result = host.run("plan", "production")
    assert result.exit_code == 4
    assert "create" in result.stdout
    assert "this would remove every running service (web)" in result.stderr
    assert host.run_json("plan", "production")["refusal"]["kind"] == "UnsafePlan"


BAD_REFS = [
    ("deadbeef", 1, "'deadbeef' is not a commit of the state branch"),
    ("no such", 1, "'no such' is not a commit of the state branch"),
    ("", 0, ""),
]


@pytest.mark.parametrize(("ref", "code", "words"), BAD_REFS)
def test_a_reference(host: FakeHost, ref: str, code: int, words: str) -> None:
    applied(host)
    result = host.run("plan", "production", "--ref", ref)
    assert result.exit_code == code
    assert words in result.stderr


def test_a_remote_that_is_away_is_exit_1(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.configure(url=str(host.folder / "elsewhere.git"))
    result = host.run("plan", "production")
    assert result.exit_code == 1
    assert result.stderr.startswith("moorline: ")
    assert result.stderr.count("\n") == 1


def test_the_mirror_of_another_user_is_left_alone(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(host)
    mirror = Path(host.config.state_dir, "mirror.git")
    before = sorted(mirror.rglob("*"))
    host.push({"web": host.image("2")})
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert host.run("plan", "production").exit_code == 10
    assert sorted(mirror.rglob("*")) == before
