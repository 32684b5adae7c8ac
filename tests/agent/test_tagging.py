"""Tags follow what is proven: rollouts fill the queue, and the registry gets what is in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from moorline.agent.registry.errands import queues_of
from moorline.core.image import Digest, ImageRef
from moorline.errors import AccessDenied, MoorlineError, RegistryRefused, RegistryUnreachable
from tests.agent.tags import NAME, QUICK, Tags, pin
from tests.fakes.engine import Script
from tests.fakes.registry import FakeRegistry


@pytest.fixture
def tags(tmp_path: Path) -> Tags:
    return Tags(tmp_path)


# --- what a rollout asks for ---------------------------------------------------------------------


def test_a_first_proof_is_current(tags: Tags) -> None:
    one = tags.deploy("1")
    assert tags.found() == {"production-current": pin(one)}
    assert tags.queue.waiting() == ()


def test_the_version_before_gets_a_rollback_tag_with_the_time_of_its_end(tags: Tags) -> None:
    one, two = tags.deploy("1"), tags.deploy("2")
    time = tags.world.records()[-1].id.partition("-")[0]
    assert tags.found() == {
        "production-current": pin(two),
        f"production-rollback-{time}": pin(one),
    }


def test_a_rollback_moves_current_back(tags: Tags) -> None:
    one, two = tags.deploy("1"), tags.deploy("2")
    tags.deploy("1")
    assert tags.shape() == [
        ("current", pin(one)),
        ("rollback", pin(one)),
        ("rollback", pin(two)),
    ]


def test_a_failed_rollout_moves_nothing(tags: Tags) -> None:
    one = tags.deploy("1")
    bad = tags.world.image("2", Script(behaviour="exits"))
    tags.world.push({"web": {"image": str(bad), "x-moorline": {"health": QUICK}}})
    assert tags.world.run().word == "taken back"
    assert tags.queue.waiting() == ()
    tags.world.run()
    tags.deliver()
    assert tags.shape() == [("current", pin(one))]


def test_what_fails_in_its_watch_is_current_no_more_and_nothing_to_go_back_to(tags: Tags) -> None:
    one, two = tags.deploy("1"), tags.deploy("2")
    tags.world.engine.turn("production-web-1", "unhealthy")
    assert tags.world.run().word == "taken back"
    tags.deliver()
    tags.world.run()
    tags.deliver()
    assert tags.shape() == [("current", pin(one)), ("rollback", pin(one))]
    assert pin(two) not in tags.found().values()


def test_a_word_in_the_file_moves_nothing(tags: Tags) -> None:
    one = tags.deploy("1")
    changes = list(tags.registry.changes)
    services = {"web": {"image": str(one), "x-moorline": {"health": QUICK}}}
    tags.world.deploy(services, **{"x-words": "new"})
    tags.deliver()
    assert tags.registry.changes == changes


def test_images_of_jobs_get_no_tags(tags: Tags) -> None:
    one = tags.world.image("1", Script(behaviour="healthy"))
    job = ImageRef.parse("registry.example/acme/migrate:1").pinned(pin(one))
    tags.world.engine.registry.add(job.pin)
    tags.world.engine.scripts[job.pin] = Script(behaviour="exits", exit_code=0)
    tags.registry.put(job)
    migrate = {"name": "migrate", "image": str(job), "command": ["up"]}
    own = {"health": QUICK, "jobs": {"before": [migrate]}}
    tags.world.deploy({"web": {"image": str(one), "x-moorline": own}})
    tags.deliver()
    assert tags.registry.tags_of(job.name) == {"1": pin(one)}
    assert "production-current" in tags.found()


def test_repositories_that_are_not_named_are_left_alone(tags: Tags) -> None:
    tags.configure("ghcr.io/acme/*")
    tags.deploy("1")
    assert tags.found() == {}


def test_the_daemon_is_told_that_tags_wait(tags: Tags) -> None:
    rings: list[int] = []
    tags.world.host = replace(
        tags.world.host, tags_wait=lambda: rings.append(len(tags.queue.waiting()))
    )
    tags.world.cycle._host = tags.world.host
    tags.deploy("1", deliver=False)
    assert rings == [1]


# --- what a registry may be like -----------------------------------------------------------------


def test_nothing_is_put_where_another_host_did_it(tags: Tags, tmp_path: Path) -> None:
    other = Tags(tmp_path / "other")
    other.world.registry = tags.registry
    for each in (tags, other):
        each.deploy("1")
    tags.deploy("2")
    before = tags.found()
    other.world.clock.wait(30)
    other.deploy("2")
    assert tags.found() == before
    assert tags.shape()[1:] == [("rollback", pin(tags.world.image("1")))]


def test_a_host_that_is_new_keeps_what_current_named(tags: Tags, tmp_path: Path) -> None:
    one = tags.deploy("1")
    rebuilt = Tags(tmp_path / "rebuilt")
    rebuilt.world.registry = tags.registry
    two = rebuilt.deploy("2")
    assert rebuilt.shape() == [("current", pin(two)), ("rollback", pin(one))]


def test_tags_follow_once_the_registry_is_back(tags: Tags) -> None:
    one = tags.deploy("1")
    tags.registry.error = RegistryUnreachable("registry.example does not answer")
    two, three = tags.deploy("2"), tags.deploy("3")
    (entry,) = tags.queue.entries()
    assert (entry.waits, entry.trouble) == ("registry.example does not answer", False)
    assert [each.word for each in [tags.world.run()]] == ["converged"]
    tags.registry.error = None
    tags.deliver()
    assert tags.shape() == [
        ("current", pin(three)),
        ("rollback", pin(one)),
        ("rollback", pin(two)),
    ]
    assert tags.queue.waiting() == ()


def test_a_vanished_version_before_is_noted_and_passed(tags: Tags) -> None:
    one, two = tags.deploy("1"), None
    tags.registry.drop(one)
    two = tags.deploy("2")
    assert tags.shape() == [("current", pin(two))]
    assert tags.notes.count("no rollback tag") == 1
    assert tags.queue.waiting() == ()


def test_a_rollback_tag_that_is_refused_does_not_stop_current(tags: Tags) -> None:
    tags.deploy("1")
    two = tags.deploy("2", deliver=False)
    rollback = tags.queue.waiting()[0].rollbacks[0]
    tag = str(replace(rollback, digest=None))
    tags.registry.errors[f"put_manifest {tag}"] = RegistryRefused("a blob is missing")
    tags.deliver()
    assert tags.shape() == [("current", pin(two))]


def test_a_new_version_that_vanished_is_a_trouble(tags: Tags) -> None:
    one = tags.deploy("1", deliver=False)
    tags.registry.drop(one)
    tags.deliver()
    (entry,) = tags.queue.entries()
    assert entry.trouble
    assert "is not in the registry; push it again" in entry.waits


@pytest.mark.parametrize("error", [AccessDenied("no", mend="log in"), RegistryRefused("no")])
def test_a_refusal_is_a_trouble_where_tags_were_asked_for(
    tags: Tags, error: MoorlineError
) -> None:
    tags.configure("registry.example/acme/*")
    tags.registry.errors["put_manifest"] = error
    tags.deploy("1")
    (entry,) = tags.queue.entries()
    assert entry.trouble
    assert entry.waits == f"production: {NAME}:production-current stays where it is: {error}"
    tags.registry.errors.clear()
    tags.deliver()
    assert tags.queue.waiting() == ()
    assert "production-current" in tags.found()


def test_a_refusal_is_noted_once_where_nobody_asked(tags: Tags) -> None:
    tags.registry.errors["put_manifest"] = AccessDenied("no")
    tagger = tags.tagger()
    for version in ("1", "2"):
        tags.deploy(version, deliver=False)
        tagger.run(queues_of(tags.world.config))
        assert tags.queue.waiting() == ()
    assert tags.notes.count("no tags here") == 1
    assert tags.found() == {}


def test_a_tag_that_reads_back_as_something_else_is_put_again(tags: Tags) -> None:
    class Lagging(FakeRegistry):
        """Answers with the tag of before until it is asked twice."""

        stale = True

        def resolve(self, image: ImageRef) -> Digest:
            if image.tag == "production-current" and self.changes and self.stale:
                self.stale = False
                return Digest(f"sha256:{'0' * 64}")
            return super().resolve(image)

    tags.world.registry = Lagging()
    tags.deploy("1")
    (entry,) = tags.queue.entries()
    assert "reads back as" in entry.waits
    assert not entry.trouble
    tags.deliver()
    assert tags.queue.waiting() == ()
