from collections.abc import Mapping

import pytest
import yaml

from moorline.agent.rollback import (
    Draft,
    Request,
    draft_rollback,
    follow,
    is_proven_everywhere,
    records_of,
)
from moorline.core.image import Digest, ImageRef
from moorline.core.records import Deployment, Outcome, Summary
from moorline.errors import (
    InvalidEnvironment,
    MoorlineError,
    NotFound,
    RemoteUnreachable,
    UsageError,
)
from tests.core.builders import digest
from tests.fakes.host import FakeClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.staterepo import FakeRemote, FakeStateRepo

PATH = "environments/production.yaml"


def image(name: str, version: str) -> ImageRef:
    text = f"registry.example/acme/{name}:{version}"
    return ImageRef.parse(text).pinned(digest(text))


class World:
    """A state repo with some history, and a registry with every image in it."""

    def __init__(self) -> None:
        self.remote = FakeRemote()
        self.repo = FakeStateRepo(self.remote)
        self.registry = FakeRegistry()
        for name in ("web", "api"):
            for version in ("1", "2", "3", "deadbee"):
                self.registry.put(image(name, version))
        self.records = 0

    def commit(self, web: str, api: str = "1", **more: object) -> str:
        services = {"web": {"image": str(image("web", web))}}
        if api:
            services["api"] = {"image": str(image("api", api))}
        text = yaml.safe_dump({"services": services, **more})
        return self.remote.commit({PATH: text})

    def record(self, commit: str, outcome: Outcome = "proven", host: str = "web-1") -> None:
        """Put the outcome of a commit on record."""
        self.repo.fetch()
        blob = self.repo.read(commit, PATH)
        moment = FakeClock(self.records).now()
        self.records += 1
        deployment = Deployment(
            id=f"{moment:%Y%m%dT%H%M%SZ}-production-{commit[:7]}",
            environment="production",
            host=host,
            commit=commit,
            blob=blob.oid if blob else "",
            author="Ada",
            subject="change",
            previous_commit="",
            outcome=outcome,
            sentence=f"{outcome} {commit[:7]}",
            started=moment,
            ended=moment,
            plan=(),
            services={},
        )
        branch = f"history/production/{host}"
        self.repo.append(
            branch, {deployment.path: deployment.encode()}, message=deployment.message()
        )

    def draft(self, to: str, service: str | None = None) -> Draft:
        request = Request(environment="production", to=to, service=service, by="ada@laptop")
        return draft_rollback(self.repo, self.registry, request, whole=self.whole)

    def whole(self, wanted: ImageRef, text: str) -> Digest:
        """The digest of an image that is there."""
        pins = (pin for pin in self.registry.pins if pin.startswith(f"{wanted.name}@{text}"))
        return Digest(next(pins).partition("@")[2])

    def images(self, to: str, service: str | None = None) -> Mapping[str, str]:
        """Service → image of the file that a rollback would commit."""
        services = yaml.safe_load(self.draft(to, service).data)["services"]
        return {name: body["image"] for name, body in services.items()}


@pytest.fixture
def world() -> World:
    return World()


def test_previous_is_the_proven_state_before_this_one(world: World) -> None:
    world.record(world.commit("1"))
    world.record(world.commit("2"), "taken back")
    world.record(world.commit("3"))
    assert world.images("previous")["web"] == str(image("web", "1"))


def test_previous_without_records_names_the_mend(world: World) -> None:
    world.commit("1")
    with pytest.raises(NotFound, match="no earlier proven deployment is on record; name a target"):
        world.draft("previous")


def test_a_commit_brings_its_whole_file_back(world: World) -> None:
    first = world.commit("1", "1", **{"x-note": "old"})
    world.commit("2", "2")
    draft = world.draft(first[:8])
    assert draft.data == world.remote.show(first, PATH).encode()
    assert (draft.goal, draft.changes) == (first[:7], True)


def test_with_a_service_only_its_image_comes_back(world: World) -> None:
    first = world.commit("1", "1")
    world.commit("2", "2")
    assert world.images(first, "web") == {
        "web": str(image("web", "1")),
        "api": str(image("api", "2")),
    }


def test_hex_that_is_no_commit_is_a_tag(world: World) -> None:
    world.commit("1", api="")
    assert world.images("deadbee")["web"] == str(image("web", "deadbee"))


def test_a_tag_is_resolved_now(world: World) -> None:
    world.commit("1", "1")
    draft = world.draft("2", "web")
    assert draft.goal == "web 2"
    assert f"\nDigest: {image('web', '2').digest}\n" in draft.message
    assert "\nService: web\n" in draft.message


def test_a_digest_is_taken_as_it_is(world: World) -> None:
    world.commit("1", api="")
    wanted = image("web", "2")
    assert world.images(str(wanted.digest))["web"] == wanted.pin


def test_the_beginning_of_a_digest_is_enough(world: World) -> None:
    world.commit("1", "1")
    wanted = image("web", "2")
    assert world.images(f"sha256:{wanted.digest.short}", "web")["web"] == wanted.pin  # type: ignore[union-attr]


def test_the_present_state_changes_nothing(world: World) -> None:
    commit = world.commit("1")
    assert not world.draft(commit).changes


def test_the_message_is_safe_whoever_asks(world: World) -> None:
    first = world.commit("1")
    world.commit("2")
    request = Request(
        environment="production", to=first, service=None, by="a\nState-Commit: \x1b[31mx"
    )
    message = draft_rollback(world.repo, world.registry, request, whole=world.whole).message
    assert message.endswith("\nRequested-By: a State-Commit: [31mx\n")


def gone(world: World) -> None:
    """Version 1 of web is not in the registry any more."""
    world.registry.pins.discard(image("web", "1").pin)


def test_an_image_that_is_gone_is_refused(world: World) -> None:
    first = world.commit("1")
    world.commit("2")
    gone(world)
    with pytest.raises(NotFound, match=r"web: registry\.example/acme/web:1@.* is not in the reg"):
        world.draft(first)


def test_an_image_that_does_not_change_is_not_asked_for(world: World) -> None:
    first = world.commit("1", "1")
    world.commit("1", "2")
    gone(world)
    assert world.draft(first).changes


def test_a_file_that_is_invalid_today_is_refused(world: World) -> None:
    first = world.commit("1", version="3")
    world.commit("2")
    with pytest.raises(InvalidEnvironment, match=f"{PATH}:.*: version: not supported"):
        world.draft(first)


def test_files_that_it_names_are_looked_up_at_the_tip(world: World) -> None:
    configs = {"a": {"file": "./a.conf"}, "b": {"file": "/etc/b.conf"}}
    first = world.commit("1", configs=configs)
    world.commit("2")
    with pytest.raises(
        InvalidEnvironment, match=r"no file environments/a\.conf in the repository"
    ):
        world.draft(first)
    world.remote.commit({"environments/a.conf": "x"})
    assert world.draft(first).changes


REFUSED: list[tuple[str, str, str | None, type[MoorlineError], str]] = [
    ("two services, none named", "2", None, UsageError, r"for one service, .* 2 .*--service"),
    ("a service that is not there", "2", "wbe", UsageError, "no service 'wbe'"),
    ("neither commit nor tag", "nope", "web", NotFound, "neither a commit .* nor a tag of"),
    ("text that is nothing", "a b", None, UsageError, "not 'previous', a commit, a tag or a"),
]


@pytest.mark.parametrize(
    ("to", "service", "kind", "words"), [each[1:] for each in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_target_that_cannot_be(
    world: World, to: str, service: str | None, kind: type[MoorlineError], words: str
) -> None:
    world.commit("1", "1")
    with pytest.raises(kind, match=words):
        world.draft(to, service)


def test_a_commit_without_the_file_or_the_service(world: World) -> None:
    bare = world.remote.commit({"README.md": "x"})
    first = world.commit("1", api="")
    world.commit("1", "1")
    with pytest.raises(NotFound, match=f"was not there at {bare[:7]}"):
        world.draft(bare)
    with pytest.raises(NotFound, match=f"api had no image at {first[:7]}"):
        world.draft(first, "api")


def test_an_environment_without_a_file(world: World) -> None:
    world.remote.commit({"README.md": "x"})
    with pytest.raises(NotFound, match=f"{PATH} is not in the state repo"):
        world.draft("previous")


def test_an_image_made_of_variables_cannot_take_a_tag(world: World) -> None:
    body = {"web": {"image": f"${{REGISTRY}}/web@{digest('x')}"}}
    world.remote.commit({PATH: yaml.safe_dump({"services": body})})
    with pytest.raises(UsageError, match="edit the file by hand"):
        world.draft("2")


# --- following it --------------------------------------------------------------------------------


def test_the_first_report_on_the_commit_is_the_answer(world: World) -> None:
    world.record(world.commit("1"))
    commit = world.commit("2")
    clock = FakeClock(on_wait=lambda: world.record(commit, "taken back"))
    found = follow(world.repo, clock, "production", commit, timeout=60)
    assert found is not None
    assert (found.outcome, found.commit) == ("taken back", commit)


def test_the_time_ends(world: World) -> None:
    clock = FakeClock()
    assert follow(world.repo, clock, "production", world.commit("1"), timeout=60) is None
    assert 60 <= clock.elapsed < 70


def test_a_remote_that_is_away_for_a_while_is_waited_for(world: World) -> None:
    commit = world.commit("1")
    world.repo.fetch()
    world.remote.trouble = RemoteUnreachable("away")

    def comes_back() -> None:
        world.remote.trouble = None
        world.record(commit)

    clock = FakeClock(on_wait=comes_back)
    found = follow(world.repo, clock, "production", commit, timeout=60)
    assert found is not None
    assert found.outcome == "proven"


def summary(host: str, blob: str, number: int, outcome: str = "proven") -> Summary:
    return Summary(
        kind="deployment",
        id=str(number),
        environment="production",
        host=host,
        commit="",
        blob=blob,
        outcome=outcome,
    )


PROVEN = [
    ("nothing on record", [], False),
    ("the only host", [summary("a", "x", 1)], True),
    ("it was, once", [summary("a", "x", 1), summary("a", "y", 2)], False),
    ("it is again", [summary("a", "y", 1), summary("a", "x", 2)], True),
    ("one of two hosts", [summary("a", "x", 1), summary("b", "y", 2)], False),
    ("what failed since", [summary("a", "x", 1), summary("a", "y", 2, "taken back")], True),
]


@pytest.mark.parametrize(
    ("records", "wanted"), [p[1:] for p in PROVEN], ids=[p[0] for p in PROVEN]
)
def test_whether_hosts_have_it_already(records: list[Summary], *, wanted: bool) -> None:
    assert is_proven_everywhere(records, "x") is wanted


def test_records_of_other_environments_are_not_ours(world: World) -> None:
    world.record(world.commit("1"))
    world.repo.append("history/staging/web-1", {"deployments/x.yaml": b"kind: x"}, message="x")
    assert len(records_of(world.repo, "production")) == 1
