"""What may not go is known in full, or nothing goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from moorline.adapters.storage import write_durably
from moorline.agent.config_model import Config, RepoConfig
from moorline.agent.durable.acceptance import Acceptance
from moorline.agent.durable.memory import MemoryFile, Proven
from moorline.agent.durable.pulled import Needs, Pulled, PulledFile
from moorline.agent.retention.pins import collect_pins, pinned_now
from moorline.core.image import ImageRef
from moorline.core.records import Backup, Deployment, Outcome
from moorline.core.retention.model import DAY, Pins
from moorline.errors import (
    AccessDenied,
    EngineUnreachable,
    MoorlineError,
    RemoteUnreachable,
    UnsafeRetention,
)
from tests.core.builders import digest
from tests.fakes.engine import FakeEngine
from tests.fakes.staterepo import FakeRemote, FakeStateRepo

FILE = "environments/production.yaml"
HISTORY = "history/production/web-1"
NOW = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
WINDOW = 90 * DAY


def days_ago(days: float) -> float:
    return NOW - days * DAY


def pin(name: str) -> str:
    return f"ghcr.io/acme/app:1@{digest(name)}"


def file(*names: str) -> str:
    """An environment's file that pins these."""
    return "".join(f"image: {pin(name)}\n" for name in names) or "services: {}\n"


@dataclass
class Ground:
    """A host on a state repo whose tip pins `now`, unless a test says otherwise."""

    folder: Path
    remote: FakeRemote = field(default_factory=FakeRemote)
    engine: FakeEngine | None = field(default_factory=FakeEngine)

    def __post_init__(self) -> None:
        self.config = Config(
            repo=RepoConfig(url="ssh://git.example.test/state.git"),
            environments=("production", "staging"),
            host="web-1",
            state_dir=str(self.folder / "state"),
        )
        self.state = self.folder / "state"
        self.repo = FakeStateRepo(self.remote)

    def commit(self, files: Mapping[str, str | bytes | None], days: float) -> str:
        return self.remote.commit(files, at=days_ago(days))

    def pins(self, *, last_commit: str = "") -> Pins:
        return collect_pins(
            self.repo, self.engine, self.config, now=NOW, window=WINDOW, last_commit=last_commit
        )

    def why(self, name: str) -> str:
        """Why an image may not go; "" where nothing holds it."""
        return self.pins().held.get(str(digest(name)), "")

    def follows(self, commit: str, environment: str = "production") -> None:
        file = MemoryFile(self.state, environment)
        file.save(msgspec.structs.replace(file.load(), accepted=commit))

    def append(self, path: str, data: bytes, branch: str = HISTORY) -> None:
        self.repo.append(branch, {path: data}, message="Record")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.commit({FILE: file("now")}, 200)
    return made


def at(days: float) -> datetime:
    return datetime.fromtimestamp(days_ago(days), UTC)


def backup(days: float, *names: str, blob: str = "") -> tuple[str, bytes]:
    record = Backup(
        id=f"{at(days):%Y%m%dT%H%M%SZ}-production-3f9c2d1",
        environment="production",
        host="web-1",
        commit="a" * 40,
        blob=blob,
        pins={name: pin(name) for name in names},
        taken=at(days),
    )
    return record.path, record.encode()


def deployment(
    days: float, *names: str, outcome: Outcome = "proven", blob: str = ""
) -> tuple[str, bytes]:
    record = Deployment(
        id=f"{at(days):%Y%m%dT%H%M%SZ}-production-3f9c2d1",
        environment="production",
        host="web-1",
        commit="a" * 40,
        blob=blob,
        author="Ada",
        subject="Change",
        previous_commit="",
        outcome=outcome,
        sentence="",
        started=at(days),
        ended=at(days),
        plan=(),
        services={name: {"image": pin(name)} for name in names},
    )
    return record.path, record.encode()


# --- the state branch ---


def test_what_stands_in_a_file_now_is_pinned_however_old(ground: Ground) -> None:
    assert ground.why("now") == "pinned by production"
    tip = ground.remote.tip()
    assert ground.pins().commit == tip


def test_every_environment_that_pins_it_is_told(ground: Ground) -> None:
    ground.commit({"environments/staging.yaml": file("now", "next")}, 150)
    assert ground.why("now") == "pinned by production, staging"
    assert ground.why("next") == "pinned by staging"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (FILE, "# not yet: {}\n"),
        (FILE, "]]] broken: {}\n"),
        (FILE, "jobs: [{{image: {}}}]\n"),
        ("environments/notes.txt", "{}"),
        ("environments/deep/er/production.yml", "image: {}\n"),
    ],
)
def test_a_digest_in_any_file_below_environments_counts(
    ground: Ground, path: str, text: str
) -> None:
    ground.commit({path: text.format(pin("odd"))}, 150)
    assert ground.why("odd")


def test_a_digest_elsewhere_is_not_asked_for(ground: Ground) -> None:
    ground.commit({"README.md": file("readme"), "environments.yaml": file("readme")}, 1)
    assert not ground.why("readme")


def test_what_a_revert_could_bring_back_is_held_until_the_window_is_over(ground: Ground) -> None:
    ground.commit({FILE: file("old")}, 150)
    changed = ground.commit({FILE: file("now")}, 89)
    day = f"{at(89):%Y-%m-%d}"
    assert ground.why("old") == f"pinned by production until {changed[:7]} ({day})"


def test_what_left_before_the_window_is_free_and_its_age_counts_from_then(ground: Ground) -> None:
    ground.commit({FILE: file("old")}, 150)
    ground.commit({FILE: file("now")}, 91)
    pins = ground.pins()
    assert str(digest("old")) not in pins.held
    assert pins.last_pinned[str(digest("old"))] == days_ago(91)


def test_the_edge_of_the_window_is_inside(ground: Ground) -> None:
    ground.commit({FILE: file("old")}, 150)
    ground.commit({FILE: file("now")}, 90)
    assert ground.why("old")


def test_what_came_and_went_within_the_window_is_held(ground: Ground) -> None:
    ground.commit({FILE: file("tried")}, 20)
    ground.commit({FILE: file("now")}, 19)
    assert ground.why("tried")


def test_a_removed_file_is_held_and_so_is_a_renamed_one(ground: Ground) -> None:
    ground.commit({"environments/gone.yaml": file("gone")}, 150)
    ground.commit({"environments/gone.yaml": None}, 30)
    assert ground.why("gone").startswith("pinned by gone until ")


@pytest.mark.parametrize("claimed", [0.0, days_ago(300)], ids=["1970", "before its parent"])
def test_a_change_by_a_wrong_clock_counts_as_made_later(ground: Ground, claimed: float) -> None:
    ground.commit({FILE: file("old")}, 100)
    ground.remote.commit({FILE: file("newer")}, at=claimed)
    # nobody knows when "old" went: it may have been a moment ago
    assert ground.why("old")
    ground.commit({FILE: file("now")}, 95)
    # before that, in any case
    assert not ground.why("old")


def test_a_change_in_the_future_is_in_the_window(ground: Ground) -> None:
    ground.commit({FILE: file("old")}, 150)
    ground.remote.commit({FILE: file("now")}, at=NOW + 3650 * DAY)
    assert ground.why("old")
    ground.remote.commit({FILE: file("now", "more")}, at=1e15)
    assert ground.why("old")


def test_a_file_that_was_far_too_large_long_ago_is_in_nobodys_way(ground: Ground) -> None:
    ground.commit({"environments/dump": file("dump").encode() + b"x" * 2_000_000}, 150)
    ground.commit({"environments/dump": None}, 149)
    assert ground.why("now")


def test_the_digests_of_a_commit_are_those_of_its_files(ground: Ground) -> None:
    first = ground.repo.fetch()
    second = ground.commit({FILE: file("next", "more"), "README.md": file("readme")}, 1)
    assert pinned_now(ground.repo, first) == {str(digest("now"))}
    assert pinned_now(ground.repo, second) == {str(digest("next")), str(digest("more"))}


def test_a_state_repo_without_environments_pins_nothing(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    tip = ground.commit({"README.md": "hello"}, 1)
    assert ground.pins() == Pins(held={}, last_pinned={}, commit=tip)
    assert pinned_now(ground.repo, tip) == frozenset()


# --- the hosts' records ---


def test_a_backup_within_the_window_is_held(ground: Ground) -> None:
    path, data = backup(30, "before")
    ground.append(path, data)
    ground.append(*backup(10, "later"))
    assert ground.why("before") == f"backup {Path(path).stem}"


@pytest.mark.parametrize("outcome", ["proven", "repaired"])
def test_what_was_proven_within_the_window_is_held(ground: Ground, outcome: Outcome) -> None:
    ground.append(*deployment(30, "ran", outcome=outcome))
    ground.append(*deployment(10, "later"))
    assert ground.why("ran") == "proven on web-1"


@pytest.mark.parametrize("outcome", ["taken back", "failed", "superseded"])
def test_what_came_to_nothing_is_not_held(ground: Ground, outcome: Outcome) -> None:
    ground.append(*deployment(30, "bad", outcome=outcome))
    assert not ground.why("bad")


def test_before_the_window_the_newest_of_each_branch_is_held(ground: Ground) -> None:
    other = "history/staging/web-2"
    for branch in (HISTORY, other):
        name = branch[-5:]
        records = (
            backup(300, f"{name} older backup"),
            backup(200, f"{name} backup"),
            deployment(300, f"{name} older"),
            deployment(200, f"{name} proven"),
            deployment(150, f"{name} repaired", outcome="repaired"),
            *(deployment(140 - n / 100, f"{name} bad", outcome="failed") for n in range(200)),
        )
        ground.repo.append(branch, dict(records), message="Records")
    for name in ("web-1", "web-2"):
        assert ground.why(f"{name} backup").startswith("backup ")
        assert ground.why(f"{name} proven") == f"proven on {name}"
        assert ground.why(f"{name} repaired")
        for free in ("older", "older backup", "bad"):
            assert not ground.why(f"{name} {free}")


def test_the_file_of_a_record_counts_with_its_jobs(ground: Ground) -> None:
    ground.commit({FILE: file("web", "job")}, 190)
    blob = ground.repo.read(ground.repo.fetch(), FILE)
    assert blob is not None
    ground.commit({FILE: file("now")}, 180)
    assert not ground.why("job")
    ground.append(*deployment(30, "web", blob=blob.oid))
    assert ground.why("job") == "proven on web-1"


def test_a_damaged_record_counts_by_its_bytes(ground: Ground) -> None:
    path, _ = deployment(30)
    ground.append(path, f"kind: [ {pin('lost')}\n\0".encode())
    assert ground.why("lost") == "proven on web-1"


def test_the_records_of_retention_itself_ask_for_nothing(ground: Ground) -> None:
    path = "retention/2026/11/20/20261120T020000Z.yaml"
    ground.append(path, f"deleted: {digest('deleted')}\n".encode(), "history/retention")
    assert not ground.why("deleted")


def test_a_record_whose_file_was_rewritten_away_speaks_for_itself(ground: Ground) -> None:
    ground.append(*deployment(30, "ran", blob="1" * 40))
    assert ground.why("ran") == "proven on web-1"


def test_a_record_that_names_nothing_and_whose_file_is_gone_stops_everything(
    ground: Ground,
) -> None:
    ground.append(*deployment(30, blob="1" * 40))
    with pytest.raises(UnsafeRetention, match="names no image") as caught:
        ground.pins()
    assert "below history/" in caught.value.mend


def test_a_file_that_is_kept_below_history_is_found(ground: Ground) -> None:
    sha = ground.remote.commit({FILE: file("kept")}, branch="history/kept/3f9c2d1")
    blob = FakeStateRepo(ground.remote, branch="history/kept/3f9c2d1").read(sha, FILE)
    assert blob is not None
    ground.append(*deployment(30, blob=blob.oid))
    assert ground.why("kept") == "proven on web-1"


# --- this host ---


def use(engine: FakeEngine, name: str) -> None:
    """A container of another tool, stopped, with this image."""
    image = ImageRef.parse(pin(name))
    engine.registry.add(image.pin)
    engine.pull(image, lambda _: None)
    engine.create_container(name, {"Image": image.pin})


def test_an_image_of_any_container_here_is_held(ground: Ground) -> None:
    assert ground.engine is not None
    use(ground.engine, "foreign")
    assert ground.why("foreign") == "used by a container on this host"


def test_an_image_that_nobody_uses_is_not_held(ground: Ground) -> None:
    assert ground.engine is not None
    use(ground.engine, "foreign")
    ground.engine.remove("foreign")
    assert ground.engine.local_images()
    assert not ground.why("foreign")


def test_what_is_kept_here_to_go_back_to_is_held(ground: Ground) -> None:
    needs = Needs(proven={"web": (pin("second"), pin("third"))}, wanted=(pin("wanted"),))
    PulledFile(ground.state).save(Pulled(environments={"removed": needs}))
    memory = MemoryFile(ground.state, "staging")
    for name in ("first", "last"):
        state = Proven(commit=name, blob="", specs={"web": name}, pins={"web": pin(name)})
        memory.save(memory.load().proven_anew(state))
    for name in ("second", "third", "wanted", "first", "last"):
        assert ground.why(name) == "kept on this host to go back to"
    ground.engine = None
    assert ground.why("third")


def test_the_strongest_of_several_reasons_is_told(ground: Ground) -> None:
    ground.commit({FILE: file("all", "used", "filed")}, 40)
    ground.commit({FILE: file("all")}, 30)
    ground.append(*deployment(35, "all", "used", "filed"))
    assert ground.engine is not None
    for name in ("all", "used"):
        use(ground.engine, name)
    assert [ground.why(name) for name in ("all", "used", "filed")] == [
        "pinned by production",
        "used by a container on this host",
        "proven on web-1",
    ]


# --- what cannot be known ---


def test_a_remote_that_is_away_is_waited_for(ground: Ground) -> None:
    ground.repo.fetch()
    ground.remote.trouble = RemoteUnreachable("away")
    with pytest.raises(RemoteUnreachable):
        ground.pins()


def test_an_engine_that_is_away_is_waited_for(ground: Ground) -> None:
    assert ground.engine is not None
    ground.engine.fail_next("local_images", EngineUnreachable("away"))
    with pytest.raises(EngineUnreachable):
        ground.pins()


def unsafe(ground: Ground, *, last_commit: str = "") -> UnsafeRetention:
    with pytest.raises(UnsafeRetention) as caught:
        ground.pins(last_commit=last_commit)
    assert caught.value.mend
    return caught.value


def test_a_denied_remote_is_unsafe(ground: Ground) -> None:
    ground.remote.trouble = AccessDenied("no", mend="let this host's key read it")
    assert "cannot be known: no" in str(unsafe(ground))


def test_a_denied_engine_is_unsafe(ground: Ground) -> None:
    assert ground.engine is not None
    ground.engine.fail_next("local_images", AccessDenied("no", mend="join the group docker"))
    unsafe(ground)


def test_a_part_of_the_history_is_unsafe(ground: Ground) -> None:
    ground.remote.shallow = True
    unsafe(ground)


@pytest.mark.parametrize("days", [150, 30], ids=["long ago", "within the window"])
def test_a_file_that_cannot_be_read_is_unsafe(ground: Ground, days: float) -> None:
    ground.commit({"environments/x": "lost"}, days)
    ground.commit({"environments/x": None}, days - 1)
    _lose(ground, "environments/x")
    with pytest.raises(UnsafeRetention):
        ground.pins()


def test_a_file_that_is_too_large_within_the_window_is_unsafe(ground: Ground) -> None:
    ground.commit({"environments/dump": b"x" * 2_000_000}, 30)
    with pytest.raises(UnsafeRetention):
        ground.pins()


@pytest.mark.parametrize("damage", ["lost", "too large"])
def test_a_record_that_cannot_be_read_is_unsafe(ground: Ground, damage: str) -> None:
    path, data = backup(30, "before")
    ground.append(path, data if damage == "lost" else data + b"#" * 2_000_000)
    if damage == "lost":
        tip = ground.repo.history_tips()[HISTORY]
        ground.remote.lost |= {oid for _, oid in ground.repo.files(tip, "backups")}
    with pytest.raises(UnsafeRetention):
        ground.pins()


@pytest.mark.parametrize("path", ["environments/production.json", "images.json"])
def test_a_damaged_memory_is_unsafe(ground: Ground, path: str) -> None:
    write_durably(ground.state / path, b"{")
    with pytest.raises(UnsafeRetention) as caught:
        ground.pins()
    assert isinstance(caught.value, MoorlineError)


def _lose(ground: Ground, path: str) -> None:
    tip = ground.repo.fetch()
    changes = ground.repo.changes(tip, "environments")
    ground.remote.lost |= {each.new for each in changes if each.path == path and each.new}


# --- a rewritten branch ---


def rewrite(ground: Ground) -> tuple[str, str]:
    """Take the last commit off the branch, for another one; returns both."""
    base = ground.remote.tip() or ""
    old = ground.commit({FILE: file("taken off")}, 3)
    ground.repo.fetch()
    ground.remote.reset(base)
    return old, ground.commit({FILE: file("instead")}, 2)


def test_a_branch_that_goes_on_is_safe(ground: Ground) -> None:
    first = ground.remote.tip() or ""
    ground.follows(first)
    ground.commit({FILE: file("next")}, 1)
    assert ground.pins(last_commit=first).held


def test_a_branch_that_an_environment_does_not_follow_is_unsafe(ground: Ground) -> None:
    old, new = rewrite(ground)
    ground.follows(old, "staging")
    error = unsafe(ground)
    assert old[:12] in str(error)
    assert new[:12] in str(error)
    assert f"moorline accept staging {new}" in error.mend


def test_a_branch_that_was_set_back_is_unsafe(ground: Ground) -> None:
    first = ground.remote.tip() or ""
    ground.follows(ground.commit({FILE: file("next")}, 1))
    ground.repo.fetch()
    ground.remote.reset(first)
    unsafe(ground)


def test_a_branch_that_left_the_last_decision_is_unsafe(ground: Ground) -> None:
    old, new = rewrite(ground)
    ground.follows(new)
    error = unsafe(ground, last_commit=old)
    assert "where retention decided last" in str(error)
    assert f"moorline accept production {new}" in error.mend
    assert unsafe(ground, last_commit="1" * 40)


def test_a_person_may_accept_the_rewritten_branch(ground: Ground) -> None:
    old, new = rewrite(ground)
    ground.follows(old)
    Acceptance(ground.state, "production").write(new)
    assert ground.pins(last_commit=old).held
    ground.follows(new)
    assert ground.pins(last_commit=old).held
    ground.follows(ground.commit({FILE: file("and on")}, 1))
    assert ground.pins(last_commit=old).held


def test_a_person_may_accept_a_branch_that_was_set_back(ground: Ground) -> None:
    first = ground.remote.tip() or ""
    old = ground.commit({FILE: file("next")}, 3)
    ground.follows(old)
    ground.repo.fetch()
    ground.remote.reset(first)
    Acceptance(ground.state, "production").write(first)
    assert ground.pins(last_commit=old).held
    ground.follows(first)
    ground.follows(ground.commit({FILE: file("and on")}, 1))
    assert ground.pins(last_commit=old).held


def test_an_old_answer_is_none_to_a_new_question(ground: Ground) -> None:
    answered = ground.remote.tip() or ""
    Acceptance(ground.state, "production").write(answered)
    ground.follows(answered)
    old, _ = rewrite(ground)
    # not seen by a cycle yet, only by retention
    unsafe(ground, last_commit=old)


def test_a_host_that_never_followed_the_old_branch_has_no_say(ground: Ground) -> None:
    old, new = rewrite(ground)
    ground.follows(new)
    Acceptance(ground.state, "staging").write(ground.remote.shas()[-1])
    unsafe(ground, last_commit=old)
