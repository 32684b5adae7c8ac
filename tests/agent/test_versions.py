import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from moorline.agent.registry.lookup import find_subject, whole_digest
from moorline.agent.registry.versions import VersionHistory, version_history
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import OCI_INDEX, OCI_MANIFEST, Manifest
from moorline.core.records import Deployment, Outcome, ServiceEvidence
from moorline.core.versions import VersionLine
from moorline.errors import (
    EngineUnreachable,
    NotFound,
    RegistryUnreachable,
    RemoteUnreachable,
    UsageError,
)
from tests.agent.retention_world import APP, DAY, RetentionWorld

REVISION = "047b82e0123456789abcdef0123456789abcdef0"


@dataclass
class World(RetentionWorld):
    """A host that runs retention, with deployments on record."""

    def deploy(
        self,
        *names: str,
        environment: str = "production",
        host: str = "web-1",
        outcome: Outcome = "proven",
    ) -> str:
        """A person's commit that pins these as s0, s1 …, and what a host made of it: evidence is
        on record of what changed only, here the last one.
        """
        commit = self.pin(*names, environment=environment)
        self.record(commit, {f"s{len(names) - 1}": names[-1]}, environment, host, outcome)
        return commit

    def record(
        self,
        commit: str,
        services: Mapping[str, str],
        environment: str = "production",
        host: str = "web-1",
        outcome: Outcome = "proven",
    ) -> None:
        """Put what a host made of a commit on record."""
        self.clock.elapsed += 60
        moment = self.clock.now()
        self.repo.fetch()
        blob = self.repo.read(commit, f"environments/{environment}.yaml")
        assert blob
        evidence = {
            service: ServiceEvidence(image=f"{APP}@{self.names[name]}").as_data()
            for service, name in services.items()
        }
        record = Deployment(
            id=f"{moment:%Y%m%dT%H%M%SZ}-{environment}-{commit[:7]}",
            environment=environment,
            host=host,
            commit=commit,
            blob=blob.oid,
            author="Ada",
            subject="change",
            previous_commit="",
            outcome=outcome,
            sentence=outcome,
            started=moment,
            ended=moment + timedelta(seconds=5),
            plan=(),
            services=evidence,
        )
        branch = f"history/{environment}/{host}"
        self.repo.append(branch, {record.path: record.encode()}, message=record.message())

    def history(self, *, since: float = 0.0, limit: int = 100) -> VersionHistory:
        image = ImageRef.parse(f"{APP}:ignored")
        return version_history(self.offices(), image, since=since, limit=limit)

    def lines(self) -> Mapping[str, VersionLine]:
        """What a test calls it → its line."""
        names = {str(digest): name for name, digest in self.names.items()}
        return {names[each.digest]: each for each in self.history().lines}

    def put_config(self, name: str, config: Mapping[str, object], *tags: str) -> None:
        """Push an image whose configuration says something."""
        image = ImageRef.parse(APP)
        blob = self.registry.put_blob(image, json.dumps(config).encode())
        value = {"schemaVersion": 2, "config": {"digest": str(blob), "size": 1}, "layers": []}
        manifest = Manifest(OCI_MANIFEST, json.dumps(value).encode())
        self.registry.put_manifest(image.pinned(manifest.digest), manifest)
        for tag in tags:
            self.registry.put(ImageRef.parse(f"{APP}:{tag}@{manifest.digest}"))
        self.names[name] = manifest.digest


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.policy()
    return made


# --- what the registry says ----------------------------------------------------------------------


def test_each_image_has_one_line_and_the_newest_comes_first(world: World) -> None:
    world.push("old", "main-00000aa", age=30)
    world.push("part", age=20)
    world.push("index", "1.4.2", "latest", parts=["part"], age=20)
    world.push("signature", subject="index", age=19)
    found = world.history()
    assert [each.tags for each in found.lines] == [("1.4.2", "latest"), ("main-00000aa",)]
    assert (found.package, found.total, found.remarks) == (APP, 2, ())


def test_the_list_can_be_cut_by_number_and_by_date(world: World) -> None:
    for age in (1, 5, 9):
        world.push(f"v{age}", f"1.0.{age}", age=age)
    assert [each.tags for each in world.history(limit=2).lines] == [("1.0.1",), ("1.0.5",)]
    recent = world.history(since=world.now - 6 * DAY)
    assert [each.tags for each in recent.lines] == [("1.0.1",), ("1.0.5",)]
    assert recent.total == 3


def test_an_index_has_the_size_of_all_its_parts(world: World) -> None:
    world.push("a", size=1000)
    world.push("b", size=500)
    world.push("index", "1.0.0", parts=["a", "b"])
    manifests = sum(
        len(world.registry.contents[f"{APP}@{world.names[name]}"].data)
        for name in ("a", "b", "index")
    )
    assert world.lines()["index"].size == manifests + 1000 + 500


def test_what_only_the_configuration_says_is_asked_for_what_is_shown(world: World) -> None:
    created = "2026-11-01T00:00:00Z"
    config = {
        "os": "linux",
        "architecture": "arm64",
        "variant": "v8",
        "created": created,
        "config": {"Labels": {"org.opencontainers.image.revision": REVISION}},
    }
    world.put_config("labelled", config, "latest")
    line = world.lines()["labelled"]
    assert (line.commit, line.platforms) == (REVISION, ("linux/arm64/v8",))
    assert line.created == 1793491200.0


@pytest.mark.parametrize("config", [{}, {"config": None}, {"config": {"Labels": None}}])
def test_a_configuration_that_says_nothing_leaves_gaps(
    world: World, config: Mapping[str, object]
) -> None:
    world.put_config("silent", config, "latest")
    line = world.lines()["silent"]
    assert (line.commit, line.platforms, line.created) == ("", (), 0.0)


def test_an_artifact_has_no_configuration_to_read(world: World) -> None:
    world.push("chart", "latest")
    found = world.history()
    assert (found.lines[0].platforms, found.remarks) == ((), ())


def test_a_configuration_that_cannot_be_read_leaves_a_remark(world: World) -> None:
    world.push("image", "latest")
    world.registry.errors["blob"] = RegistryUnreachable("ghcr.io does not answer")
    found = world.history()
    assert found.lines[0].platforms == ()
    assert "its configuration cannot be read: ghcr.io does not answer" in found.remarks[0]


def test_a_registry_that_is_away_is_an_error(world: World) -> None:
    world.packages.error = RegistryUnreachable("api.github.com does not answer")
    with pytest.raises(RegistryUnreachable):
        world.history()


def test_a_manifest_that_cannot_be_read_leaves_gaps_and_the_reason(world: World) -> None:
    world.push("broken", "1.0.0")
    world.push("whole", "1.0.1")
    world.break_manifest("broken")
    found = world.history()
    assert {each.tags[0]: each.size is None for each in found.lines} == {
        "1.0.0": True,
        "1.0.1": False,
    }
    assert "nothing of ghcr.io/acme/app would be deleted" in found.remarks[0]


# --- what git says -------------------------------------------------------------------------------


def test_it_says_where_each_runs_and_ran(world: World) -> None:
    for number in range(3):
        world.push(f"v{number}", f"1.{number}.0")
    world.deploy("v0")
    world.deploy("v1")
    world.deploy("v2", outcome="taken back")
    world.deploy("v0", environment="staging", host="web-2")
    lines = world.lines()
    assert list(map(str, lines["v1"].runs)) == ["production/s0@web-1"]
    assert list(map(str, lines["v0"].runs)) == ["staging/s0@web-2"]
    assert [str(each.place) for each in lines["v0"].ran] == ["production/s0@web-1"]
    assert (lines["v2"].runs, lines["v2"].ran) == ((), ())


def test_a_service_that_did_not_change_runs_what_its_file_says(world: World) -> None:
    for name in ("db", "v0", "v1"):
        world.push(name, name)
    world.deploy("db", "v0")
    world.deploy("db", "v1")
    lines = world.lines()
    assert list(map(str, lines["db"].runs)) == ["production/s0@web-1"]
    assert list(map(str, lines["v1"].runs)) == ["production/s1@web-1"]


def test_what_previous_means_is_marked(world: World) -> None:
    for number in range(3):
        world.push(f"v{number}", f"1.{number}.0")
        world.deploy(f"v{number}")
    marked = {name: line.previous_of for name, line in world.lines().items()}
    assert marked == {"v0": (), "v1": ("production/s0",), "v2": ()}


def test_an_image_with_a_variable_in_its_name_runs_by_its_record(world: World) -> None:
    world.push("v0", "1.0.0")
    text = yaml.safe_dump({"services": {"s0": {"image": "${IMAGE}"}}})
    commit = world.remote.commit({"environments/production.yaml": text})
    world.record(commit, {"s0": "v0"})
    assert list(map(str, world.lines()["v0"].runs)) == ["production/s0@web-1"]


def test_without_git_the_list_is_there_and_says_what_it_lacks(world: World) -> None:
    world.push("v0", "1.0.0")
    world.lose_git()
    found = world.history()
    assert [each.tags for each in found.lines] == [("1.0.0",)]
    assert found.lines[0].verdict is None
    assert "what retention would do is not known: no route to host" in found.remarks[0]


# --- what retention and the engine say -----------------------------------------------------------


def test_it_says_what_stays_and_until_when(world: World) -> None:
    world.push("pinned", "main-00000aa", age=200)
    world.push("due", "main-00000bb", age=200)
    world.push("young", "main-00000cc", age=10)
    world.pin("pinned")
    verdicts = {name: line.verdict for name, line in world.lines().items()}
    assert {name: each.fate for name, each in verdicts.items() if each} == {
        "pinned": "keep",
        "due": "delete",
        "young": "keep",
    }
    assert verdicts["young"]
    assert verdicts["young"].expires == pytest.approx(world.now + 80 * DAY)


def test_a_package_without_a_policy_is_left_alone(world: World) -> None:
    world.policy(packages=[f"{APP}-other"])
    world.push("v0", "1.0.0")
    found = world.history()
    assert found.lines[0].verdict is None
    assert found.remarks == (
        f"retention leaves {APP} alone: policies/retention.yaml does not name it",
    )


def test_it_says_what_is_on_this_host(world: World) -> None:
    here, _ = world.push("here", "1.0.0"), world.push("away", "1.1.0")
    world.engine.images.add(here.pin)
    assert {name: line.on_host for name, line in world.lines().items()} == {
        "here": True,
        "away": False,
    }


def test_without_the_engine_nobody_knows_what_is_on_this_host(world: World) -> None:
    world.push("v0", "1.0.0")
    world.engine.unreachable = True
    found = world.history()
    assert found.lines[0].on_host is None
    assert any("what is on this host is not known" in each for each in found.remarks)
    with pytest.raises(EngineUnreachable):
        world.engine.local_images()


# --- from words to images ------------------------------------------------------------------------


def subject(world: World, name: str, *environments: str) -> tuple[str, str, str]:
    world.repo.fetch()
    found = find_subject(world.repo, environments or ("production", "staging"), name)
    return found.image.name, found.environment, found.service


def test_a_service_is_looked_up_in_the_environments(world: World) -> None:
    world.push("v0", "1.0.0")
    world.pin("v0")
    world.pin("v0", "v0", environment="staging")
    assert subject(world, "s0") == (APP, "production", "s0")
    assert subject(world, "staging/s0") == (APP, "staging", "s0")
    assert subject(world, "s1") == (APP, "staging", "s1")
    assert subject(world, "s0", "staging") == (APP, "staging", "s0")


def test_an_image_line_is_taken_with_its_tag_and_digest(world: World) -> None:
    image = world.push("v0", "1.0.0")
    assert subject(world, f"{APP}:1.0.0@{image.digest}") == (APP, "", "")
    assert subject(world, "acme/app") == ("docker.io/acme/app", "", "")


def test_a_service_with_two_images_has_to_be_named_with_its_environment(world: World) -> None:
    services = {"web": {"image": f"docker.io/acme/other@sha256:{'1' * 64}"}}
    world.remote.commit({"environments/staging.yaml": yaml.safe_dump({"services": services})})
    services = {"web": {"image": f"{APP}@sha256:{'1' * 64}"}, "odd": {"image": "${IMAGE}"}}
    world.remote.commit({"environments/production.yaml": yaml.safe_dump({"services": services})})
    with pytest.raises(UsageError, match=r"production/web .* staging/web"):
        subject(world, "web")
    assert subject(world, "production/web")[0] == APP


@pytest.mark.parametrize(
    ("name", "says"),
    [("webb", "did you mean 'web'?"), ("zzz", "named with its registry"), ("a/B", "not a repo")],
)
def test_what_is_neither_a_service_nor_an_image_is_refused(
    world: World, name: str, says: str
) -> None:
    services = {"web": {"image": f"{APP}@sha256:{'1' * 64}"}}
    world.remote.commit({"environments/production.yaml": yaml.safe_dump({"services": services})})
    world.remote.commit({"environments/staging.yaml": "services: ["})
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        subject(world, name)


def whole(world: World, text: str) -> Digest:
    world.repo.fetch()
    return whole_digest(world.repo, lambda _: world.packages, ImageRef.parse(APP), text)


def test_a_digest_is_known_by_its_beginning(world: World) -> None:
    image = world.push("listed", "1.0.0")
    assert image.digest
    assert whole(world, f"sha256:{image.digest.short}") == image.digest


def test_one_that_is_on_record_needs_no_registry(world: World) -> None:
    world.push("v0", "1.0.0")
    world.deploy("v0")
    world.packages.error = RemoteUnreachable("not asked")
    assert whole(world, f"sha256:{world.names['v0'].short}") == world.names["v0"]


def test_a_beginning_of_none_or_several_is_refused(world: World) -> None:
    world.push("v0", "1.0.0")
    world.push("v1", "1.1.0")
    with pytest.raises(NotFound, match="no version that begins with sha256:fffffffffff0"):
        whole(world, "sha256:fffffffffff0")
    with pytest.raises(UsageError, match="begins 2 digests; give more digits"):
        whole(world, "sha256:")


def test_an_index_without_a_readable_part_has_no_configuration(world: World) -> None:
    world.push("part")
    world.push("index", "latest", parts=["part"])
    value = {"schemaVersion": 2, "manifests": []}
    manifest = Manifest(OCI_INDEX, json.dumps(value).encode())
    image = ImageRef.parse(APP)
    world.registry.put_manifest(image.pinned(manifest.digest), manifest)
    world.registry.put(ImageRef.parse(f"{APP}:empty@{manifest.digest}"))
    world.names["empty"] = manifest.digest
    assert world.lines()["empty"].commit == ""
