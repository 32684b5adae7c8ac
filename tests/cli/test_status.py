import pytest

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.memory import Hold
from moorline.agent.retention.ledger import MemoryFile
from moorline.errors import AccessDenied
from tests.fakes.host import FakeHost


@pytest.fixture
def settled(host: FakeHost) -> FakeHost:
    """A host that runs a proven version."""
    host.push({"web": host.image("1")})
    assert host.run("apply", "production").exit_code == 0
    return host


def test_in_step_is_exit_0(settled: FakeHost) -> None:
    result = settled.run("status", "production")
    assert result.exit_code == 0
    assert result.stdout.startswith("production: in step\n")
    assert "web #1  running" in result.stdout


def test_all_environments_are_shown_where_none_is_named(settled: FakeHost) -> None:
    result = settled.run("status")
    assert result.exit_code == 1
    assert "production: in step\n" in result.stdout
    assert "staging: not in step\n" in result.stdout
    assert "environments/staging.yaml is not in the state repo" in result.stdout


def test_a_container_that_someone_removed_is_drift(settled: FakeHost) -> None:
    settled.engine.remove("production-web-1")
    result = settled.run("status", "production")
    assert result.exit_code == 1
    assert "running     nothing\n" in result.stdout
    assert "the next cycle would:\n    create  web #1" in result.stdout


def test_an_engine_that_is_away_is_said(settled: FakeHost) -> None:
    settled.engine.unreachable = True
    result = settled.run("status", "production")
    assert result.exit_code == 1
    assert "running     unknown\n" in result.stdout
    assert "trouble     observe: the Docker Engine does not answer\n" in result.stdout


def test_a_host_that_never_fetched_says_so(host: FakeHost) -> None:
    result = host.run("status", "production")
    assert result.exit_code == 1
    assert "the state repo was never fetched" in result.stdout
    assert "proven   nothing yet\n" in result.stdout


def test_a_failed_commit_and_the_way_back_are_told(settled: FakeHost) -> None:
    settled.push({"web": settled.bad_image("2")}, **{"x-moorline": {"on_failure": "hold"}})
    settled.run("apply", "production")
    result = settled.run("status", "production")
    assert result.exit_code == 1
    assert "failed here before" in result.stdout
    assert "last event" in result.stdout


def test_records_that_wait_are_counted(settled: FakeHost) -> None:
    settled.engine.kill("production-web-1")
    settled.remote.hook("pre-receive", "exit 1")
    settled.run("apply", "production")
    assert "records     1 not pushed yet\n" in settled.run("status", "production").stdout


def test_tags_that_wait_are_counted_and_what_is_refused_is_a_trouble(host: FakeHost) -> None:
    host.configure(top='[registry]\ntags = ["registry.example/*"]\n')
    host.registry.errors["put_manifest"] = AccessDenied("may not push", mend="log in")
    host.push({"web": host.image("1")})
    host.run("apply", "production")
    result = host.run("status", "production")
    assert result.exit_code == 1
    assert "tags        1 not moved yet: 'moorline tags production'\n" in result.stdout
    assert "web:production-current stays where it is: may not push; log in\n" in result.stdout
    (status,) = host.run_json("status", "production")["environments"]
    assert (status["tags_waiting"], len(status["troubles"])) == (1, 1)


def test_a_damaged_queue_of_tags_is_a_trouble(settled: FakeHost) -> None:
    (settled.folder / "state" / "tags" / "production.json").write_text("{")
    assert "production.json is damaged" in settled.run("status", "production").stdout


def test_json_has_the_promised_keys(settled: FakeHost) -> None:
    found = settled.run_json("status", "production")
    assert found["host"] == "web-1"
    (status,) = found["environments"]
    assert sorted(status) == [
        "canaries",
        "desired",
        "drift",
        "environment",
        "held",
        "held_until",
        "in_step",
        "last_event",
        "last_event_at",
        "proven",
        "records_waiting",
        "restarts",
        "running",
        "tags_waiting",
        "troubles",
        "under_way",
        "watched_until",
    ]
    assert (status["in_step"], status["drift"], status["troubles"]) == (True, [], [])
    assert status["desired"]["commit"] == status["proven"]["commit"]
    assert status["running"][0]["service"] == "web"


def test_a_rollout_under_way_is_not_in_step(settled: FakeHost) -> None:
    commit = settled.push({"web": settled.image("2")})
    settled.engine.unreachable = True
    settled.run("apply", "production")
    settled.engine.unreachable = False
    (status,) = settled.run_json("status", "production")["environments"]
    assert (status["in_step"], status["under_way"]["commit"]) == (False, commit)
    assert f"under way   {commit[:7]}, preparing" in settled.run("status", "production").stdout


def test_a_change_that_waits_is_held_and_no_trouble(settled: FakeHost) -> None:
    commit = settled.push({"web": settled.image("2")}, **{"x-moorline": {"paused": True}})
    assert settled.run("apply", "production").exit_code == 4
    result = settled.run("status", "production")
    assert result.exit_code == 1
    assert f"  production: {commit[:7]} is paused, until" in result.stdout
    assert "trouble" not in result.stdout


def test_the_watch_and_its_restarts_are_told(settled: FakeHost) -> None:
    settled.ledger.remember(restarts={"web": 1, "db": 3})
    out = settled.run("status", "production").stdout
    assert "until 2026-11-23T10:10:" in out
    assert "db, 3 times since it was proven, because it failed" in out
    assert "web, once since" in out


def test_a_hold_is_said_once(settled: FakeHost) -> None:
    proven = settled.ledger.memory.load().proven
    assert proven is not None
    reason = "production: failed, and going back cannot undo it"
    hold = Hold(commit=proven.commit, reason=reason, deployment="d")
    settled.ledger.remember(hold=hold, trouble=reason)
    assert settled.run("status", "production").stdout.count(reason) == 1


@pytest.mark.parametrize(
    ("paused", "says"),
    [
        (False, "web: 5 %, step 1 of 2, until 2026-11-23T10:01:30+00:00; "),
        (True, "web: 5 %, step 1 of 2, waits for 'moorline promote production web'; "),
    ],
)
def test_a_canary_is_shown_with_what_it_did(host: FakeHost, says: str, *, paused: bool) -> None:
    steps = [{"weight": 5, "for": "2m"}, {"weight": 50, "for": "2m"}]
    own = {"strategy": "canary", "canary": {"steps": steps}}
    web = {"image": str(host.image("1")), "ports": ["80:80"], "x-moorline": own}
    commit = host.push({"web": web})
    host.run("apply", "production")  # brings the mirror; there is no ingress here
    counts = {"requests": 200, "errors": 3, "timed": 200, "slow": 0}
    progress = {
        "track": "green",
        "looked": "2026-11-23T10:00:00+00:00",
        "new": {"seen": counts, "total": counts},
        "old": {"seen": counts, "total": counts | {"errors": 1}},
        "watched": 30.0,
        "paused": paused,
    }
    entry = Entry(
        id="20261123T100000Z-production-0000000",
        environment="production",
        commit=commit,
        blob="",
        author="Ada",
        subject="change",
        started="2026-11-23T10:00:00+00:00",
        previous=None,
        on_failure="revert",
        phase="touching",
        canaries={"web": progress},
    )
    host.ledger.journal.save(entry)
    out = host.run("status", "production").stdout
    assert f"canary     {says}200 requests, 1.5 % failed (old: 0.5 %)" in out


def test_what_is_wrong_with_retention_is_told_once_for_the_host(settled: FakeHost) -> None:
    assert settled.run_json("status", "production")["retention_trouble"] is None
    memory = MemoryFile(settled.folder / "state" / "retention")
    memory.remember(trouble="policies/retention.yaml:3:1: rulez: not known")
    result = settled.run("status")
    assert "\nretention: policies/retention.yaml:3:1: rulez: not known\n" in result.stdout
    # the environment itself is as it should be
    assert settled.run("status", "production").exit_code == 0
