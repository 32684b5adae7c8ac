"""What is written into git: golden bytes, nothing forged, nothing secret."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.records import (
    LOG_LINE_LENGTH,
    LOG_LINES,
    SAMPLES,
    Backup,
    Deployment,
    ServiceEvidence,
    Summary,
    mask,
    masked,
    masked_logs,
    record_id,
    rollback_message,
    summarise,
)
from tests.core.builders import image

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
OLD, NEW = image("web", "1").pin, image("web", "2").pin
EVIDENCE = ServiceEvidence(
    image=NEW,
    previous=OLD,
    verdict="failed",
    reason="exited with code 3",
    exit_code=3,
    samples=({"at": 0.1, "state": "running"}, {"at": 0.5, "state": "exited", "exit_code": 3}),
    logs=("starting", "no database"),
)
DEPLOYMENT = Deployment(
    id="20261123T120000Z-prod-3f9c2d1",
    environment="prod",
    host="web-1",
    commit="3f9c2d1" + "0" * 33,
    blob="b" * 40,
    author="Ada <ada@example.org>",
    subject="web 2",
    previous_commit="1111111" + "0" * 33,
    outcome="taken back",
    sentence="prod: 3f9c2d1 failed (web: exited with code 3); taken back to 1111111",
    started=NOON,
    ended=NOON + timedelta(seconds=2.5),
    plan=({"do": "start", "what": "web #1", "detail": "", "why": "starts: its image changed"},),
    services={"web": EVIDENCE.as_data()},
    timings={"ready": 0.1234567, "verdict": 2.0},
    rollback_commit="2222222" + "0" * 33,
)
BACKUP = Backup(
    id="20261123T120000Z-prod-3f9c2d1",
    environment="prod",
    host="web-1",
    commit="1111111" + "0" * 33,
    blob="a" * 40,
    pins={"web": OLD},
    taken=NOON,
)

DEPLOYMENT_FILE = f"""\
kind: deployment
id: 20261123T120000Z-prod-3f9c2d1
environment: prod
host: web-1
outcome: taken back
sentence: 'prod: 3f9c2d1 failed (web: exited with code 3); taken back to 1111111'
state_commit: 3f9c2d1000000000000000000000000000000000
file_blob: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
author: Ada <ada@example.org>
subject: web 2
previous_commit: '1111111000000000000000000000000000000000'
rollback_commit: '2222222000000000000000000000000000000000'
started: '2026-11-23T12:00:00.123Z'
ended: '2026-11-23T12:00:02.623Z'
timings:
  ready: 0.123
  verdict: 2.0
services:
  web:
    image: {NEW}
    previous: {OLD}
    verdict: failed
    reason: exited with code 3
    exit_code: 3
    samples:
    - at: 0.1
      state: running
    - at: 0.5
      state: exited
      exit_code: 3
    logs:
    - starting
    - no database
plan:
- do: start
  what: 'web #1'
  detail: ''
  why: 'starts: its image changed'
"""

DEPLOYMENT_MESSAGE = f"""\
prod: taken back 3f9c2d1 on web-1

prod: 3f9c2d1 failed (web: exited with code 3); taken back to 1111111

Environment: prod
Service: web
Digest: {NEW.partition("@")[2]}
Previous-Digest: {OLD.partition("@")[2]}
State-Commit: 3f9c2d1000000000000000000000000000000000
Deployment-Id: 20261123T120000Z-prod-3f9c2d1
Agent-Host: web-1
Outcome: taken back
Rollback-Commit: 2222222000000000000000000000000000000000
"""

BACKUP_FILE = f"""\
kind: backup
id: 20261123T120000Z-prod-3f9c2d1
environment: prod
host: web-1
state_commit: '1111111000000000000000000000000000000000'
file_blob: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
taken: '2026-11-23T12:00:00.123Z'
pins:
  web: {OLD}
restore: moorline rollback prod --to 1111111000000000000000000000000000000000 --confirm ROLLBACK
"""

BACKUP_MESSAGE = """\
prod: backup of 1111111 on web-1

Taken before a change.

Environment: prod
State-Commit: 1111111000000000000000000000000000000000
Deployment-Id: 20261123T120000Z-prod-3f9c2d1
Agent-Host: web-1
Outcome: backup
"""

ROLLBACK_MESSAGE = """\
Roll back prod to 1111111: web: exited with code 3

3f9c2d1 failed on web-1 and was taken back there. This restores the file as it was at 1111111. \
The evidence is record 20261123T120000Z-prod-3f9c2d1.

Environment: prod
Rollback-Of: 3f9c2d1000000000000000000000000000000000
State-Commit: 1111111000000000000000000000000000000000
Deployment-Id: 20261123T120000Z-prod-3f9c2d1
Agent-Host: web-1
"""


def rollback(reason: str = "web: exited with code 3") -> str:
    return rollback_message(
        environment="prod",
        host="web-1",
        failed=DEPLOYMENT.commit,
        restored=BACKUP.commit,
        deployment=DEPLOYMENT.id,
        reason=reason,
    )


# --- bytes --------------------------------------------------------------------------------------


def test_a_deployment_is_written_as_people_read_it() -> None:
    assert DEPLOYMENT.encode().decode() == DEPLOYMENT_FILE
    assert DEPLOYMENT.message() == DEPLOYMENT_MESSAGE
    assert DEPLOYMENT.path == "deployments/2026/11/23/20261123T120000Z-prod-3f9c2d1.yaml"


def test_a_backup_says_how_to_go_back_to_it() -> None:
    assert BACKUP.encode().decode() == BACKUP_FILE
    assert BACKUP.message() == BACKUP_MESSAGE
    assert BACKUP.path == "backups/2026/11/23/20261123T120000Z-prod-3f9c2d1.yaml"


def test_a_rollback_commit_says_what_it_undoes() -> None:
    assert rollback() == ROLLBACK_MESSAGE


def test_what_there_is_none_of_is_left_out() -> None:
    plain = ServiceEvidence(image=NEW, previous=NEW).as_data()
    assert plain == {"image": NEW}
    first = replace(DEPLOYMENT, services={"web": plain}, previous_commit="", rollback_commit="")
    assert "previous_commit: null\nrollback_commit: null\n" in first.encode().decode()
    assert "Previous-Digest" not in first.message()
    assert "Rollback-Commit" not in first.message()


def test_the_same_things_are_spelled_out_twice_rather_than_referred_to() -> None:
    two = replace(DEPLOYMENT, services={"a": EVIDENCE.as_data(), "b": EVIDENCE.as_data()})
    assert b"&id" not in two.encode()


def test_times_of_another_zone_are_written_as_utc() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=5)))
    assert replace(BACKUP, taken=east).encode() == BACKUP.encode()


# --- nothing forged -----------------------------------------------------------------------------

FORGERIES = (
    "x\n\nOutcome: proven",
    "x\r\n\r\nOutcome: proven",
    "x\u2028\u2028Outcome: proven",
    "x\x85\x85Outcome: proven",
    "x\x0b\x0cOutcome: proven",
    "\x1b[2K\x1b[1AOutcome: proven",
    "\x9b2KOutcome: proven\udc80",
    "",
)


def trailers(message: str) -> list[str]:
    """What git itself takes for trailers."""
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=message.encode(),
        capture_output=True,
        check=True,
    )
    return [line.partition(":")[0] for line in parsed.stdout.decode().splitlines()]


@pytest.mark.parametrize("text", FORGERIES)
def test_no_text_forges_a_trailer_or_reaches_a_terminal(text: str) -> None:
    forged = replace(DEPLOYMENT, sentence=text, environment=f"prod{text}", host=text)
    messages = {
        forged.message(): trailers(DEPLOYMENT_MESSAGE),
        rollback(text): trailers(ROLLBACK_MESSAGE),
        replace(BACKUP, host=text).message(): trailers(BACKUP_MESSAGE),
    }
    for message, expected in messages.items():
        assert trailers(message) == expected
        assert message.replace("\n", "").isprintable()
        assert len(message.partition("\n")[0]) <= 120


@pytest.mark.parametrize("text", FORGERIES)
def test_a_record_is_one_document_whatever_is_in_it(text: str) -> None:
    logs = masked_logs((text, "---", "kind: backup"), ())
    evidence = replace(EVIDENCE, logs=logs)
    written = replace(
        DEPLOYMENT, sentence=text, author=text, services={"web": evidence.as_data()}
    ).encode()
    assert b"\x1b" not in written
    read = yaml.safe_load(written)
    assert (read["kind"], read["outcome"]) == ("deployment", "taken back")
    assert read["sentence"] == read["author"] == " ".join(mask(text, ()).split())
    assert tuple(read["services"]["web"]["logs"]) == logs


# --- nothing secret -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sensitive", "masked"),
    [
        ("password=hunter2!", {"hunter2!"}, "password=***"),
        ("hunter2hunter2", {"hunter2"}, "******"),
        ("a hunter2-long b", {"hunter2", "hunter2-long"}, "a *** b"),
        ("abcdefg", {"abcdef", "bcdefg"}, "***g"),
        ("nothing here", {""}, "nothing here"),
        ("nothing here", (), "nothing here"),
        ("a\x00b\x1b[31mc\x7f", (), "a b [31mc "),
        ("a\tb\nc", (), "a\tb\nc"),
        ("key MIIBVgIBADANBg end", {"-----BEGIN-----\n  MIIBVgIBADANBg\n}\n"}, "key *** end"),
        ("a } b", {"{\n  'key': 'value'\n}"}, "a } b"),
        ("x\ny", {"x\ny"}, "***"),
    ],
)
def test_secrets_and_control_characters_are_masked(
    text: str, sensitive: set[str], masked: str
) -> None:
    assert mask(text, sensitive) == masked


def test_logs_keep_their_last_lines_short_and_masked() -> None:
    lines = [f"line {number}" for number in range(LOG_LINES + 5)]
    lines[-1] = "token hunter2-secret " + "x" * 1000
    logs = masked_logs(lines, {"hunter2-secret"})
    assert len(logs) == LOG_LINES
    assert logs[0] == "line 5"
    assert logs[-1].startswith("token *** xxx")
    assert len(logs[-1]) == LOG_LINE_LENGTH


def test_a_secret_is_masked_before_a_line_is_cut() -> None:
    [line] = masked_logs(["x" * (LOG_LINE_LENGTH - 4) + "hunter2-secret"], {"hunter2-secret"})
    assert "hunt" not in line


@pytest.mark.parametrize("count", [0, 1, SAMPLES, SAMPLES + 1, 1000])
def test_many_samples_are_thinned_evenly_with_first_and_last(count: int) -> None:
    samples = tuple({"at": at, "state": "running", "restarts": at} for at in range(count))
    kept = [each["at"] for each in replace(EVIDENCE, samples=samples).as_data().get("samples", ())]
    assert len(kept) == min(count, SAMPLES)
    assert kept[:1] + kept[-1:] == [0, count - 1] or count == 0
    gaps = [later - earlier for earlier, later in pairwise(kept)]
    assert max(gaps, default=1) - min(gaps, default=1) <= 1


def test_of_looks_that_saw_the_same_the_first_and_the_last_are_kept() -> None:
    words = ["starting"] * 5 + ["unhealthy"] + ["healthy"] * 3
    samples = tuple({"at": at, "health": word} for at, word in enumerate(words))
    kept = replace(EVIDENCE, samples=samples).as_data()["samples"]
    assert [each["at"] for each in kept] == [0, 4, 5, 6, 8]


# --- ids ----------------------------------------------------------------------------------------


def test_an_id_names_its_time_environment_and_commit() -> None:
    assert record_id(NOON, "prod", "3f9c2d1" + "0" * 33) == "20261123T120000Z-prod-3f9c2d1"


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=10))
def test_ids_only_grow_even_when_the_clock_does_not(seconds: list[int]) -> None:
    ids = [""]
    for offset in seconds:
        now = NOON + timedelta(seconds=offset)
        ids.append(record_id(now, "pre-prod", "3f9c2d1", after=ids[-1]))
    times = [each.partition("-")[0] for each in ids]
    assert all(earlier < later for earlier, later in pairwise(times))


# --- read back ----------------------------------------------------------------------------------


def test_a_deployment_is_read_back() -> None:
    assert summarise(DEPLOYMENT.encode()) == Summary(
        kind="deployment",
        id=DEPLOYMENT.id,
        environment="prod",
        host="web-1",
        commit=DEPLOYMENT.commit,
        blob=DEPLOYMENT.blob,
        outcome="taken back",
        sentence=DEPLOYMENT.sentence,
        started="2026-11-23T12:00:00.123Z",
        ended="2026-11-23T12:00:02.623Z",
        rollback_commit=DEPLOYMENT.rollback_commit,
        pins={"web": NEW},
    )


def test_a_backup_is_read_back() -> None:
    assert summarise(BACKUP.encode()) == Summary(
        kind="backup",
        id=BACKUP.id,
        environment="prod",
        host="web-1",
        commit=BACKUP.commit,
        blob=BACKUP.blob,
        started="2026-11-23T12:00:00.123Z",
        pins={"web": OLD},
    )


@given(st.text(), st.from_regex(r"[0-9a-f]{40}", fullmatch=True))
def test_any_sentence_and_any_commit_are_read_back(text: str, commit: str) -> None:
    written = replace(DEPLOYMENT, sentence=text, commit=commit, blob=commit).encode()
    read = summarise(written)
    assert read is not None
    assert read.sentence == " ".join(mask(text, ()).split())
    assert (read.commit, read.blob) == (commit, commit)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"README", b"- a\n- b\n", b"kind: retention\n", b"kind: [deployment]\n", b"a: [\n"),
        *(
            b"\xff\xfe\x00",
            b"kind: 2001-99-99\n",
            b"a: b: c\n",
            b"kind: !!python/name:os.system\n",
        ),
        *(b"? [a]\n: b\n", b"kind: !!int x\n", b"[" * 50_000),
    ],
)
def test_a_file_that_is_none_of_ours_is_no_record(data: bytes) -> None:
    assert summarise(data) is None


def test_a_record_that_hands_wrote_is_read_as_far_as_it_goes() -> None:
    text = (
        b"kind: deployment\nid: [1]\nstate_commit: 1234567\nservices: {web: 1, db: {image: 7}}\n"
    )
    found = summarise(text)
    assert found == Summary(
        kind="deployment", id="", environment="", host="", commit="1234567", pins={}
    )
    assert summarise(b"kind: backup\npins: {web: [1], db: x}\n").pins == {"db": "x"}
    assert summarise(b"kind: backup\npins: none\n").pins == {}


def test_evidence_is_masked_however_deep_a_secret_lies() -> None:
    evidence = {
        "job": "up",
        "exit_code": 3,
        "logs": ["pass word", {"at": "word\u2028"}],
        "ok": None,
    }
    assert masked(evidence, {"word"}) == {
        "job": "up",
        "exit_code": 3,
        "logs": ["pass ***", {"at": "*** "}],
        "ok": None,
    }
