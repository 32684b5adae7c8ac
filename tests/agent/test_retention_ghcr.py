"""Whole runs against what imitates GitHub, faults and all, and against a real plain registry."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from moorline.adapters.ghcr import GhcrPackages
from moorline.adapters.registry import OciRegistry
from moorline.adapters.registry.packages import OciPackages
from moorline.adapters.registry_port import Packages
from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.plan import RetentionPlan, plan_retention, record_plan
from moorline.agent.retention.restore import restore
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Manifest
from moorline.core.retention.outcomes import AppliedRecord
from moorline.errors import RateLimited, RegistryRefused
from tests.agent.retention_world import DAY, RetentionWorld
from tests.ghcr.emulator import TOKEN, Ghcr, running_ghcr
from tests.parts.manifests import push_image, push_index

PACKAGE = "acme/app"
ROLLBACK = "production-rollback-20260101T000000Z"
RULES = [
    {"name": "rollbacks", "match": "*-rollback-*", "keep": "30d", "untag": True},
    {"name": "production", "match": "production-*", "keep": "forever"},
    {"name": "latest", "match": "latest", "keep": "forever"},
    {"name": "commits", "match": "sha", "keep": "90d"},
    {"name": "untagged", "match": "untagged", "keep": "7d"},
]


@dataclass
class Hub:
    """A host with a registry that is not in memory."""

    world: RetentionWorld
    name: str
    registry: OciRegistry
    packages: Packages

    @property
    def offices(self) -> Offices:
        return self.world.offices(registry=self.registry, packages=self.packages)

    def image(self, rest: str) -> ImageRef:
        return ImageRef.parse(f"{self.name}{rest}")

    def pin(self, *digests: Digest) -> None:
        text = json.dumps([f"{self.name}@{each}" for each in digests])
        self.world.remote.commit({"environments/production.yaml": text}, "pin")

    def plan(self) -> RetentionPlan:
        return plan_retention(self.offices)

    def decide(self) -> None:
        record_plan(self.offices, self.plan())

    def apply(self) -> AppliedRecord:
        applied = apply_due(self.offices)
        assert applied is not None
        return applied

    def told(self) -> dict[str, str]:
        """Apply; digest → result."""
        return {v.digest: v.result for each in self.apply().packages for v in each.versions}


def hub(world: RetentionWorld, name: str, registry: OciRegistry, packages: Packages) -> Hub:
    world.policy(packages=[name], rules=RULES)
    return Hub(world, name, registry, packages)


@pytest.fixture
def ghcr() -> Iterator[Ghcr]:
    with running_ghcr() as found:
        yield found


@pytest.fixture
def github(ghcr: Ghcr, tmp_path: Path) -> Iterator[Hub]:
    world = RetentionWorld(tmp_path)
    registry = OciRegistry(
        docker_config=ghcr.login(tmp_path), cache=tmp_path / "cache", github=ghcr.registry
    )
    packages = GhcrPackages(api=ghcr.api, registry=ghcr.registry, token=lambda: TOKEN)
    yield hub(world, f"{ghcr.registry}/{PACKAGE}", registry, packages)
    registry.close()
    packages.close()


@dataclass(frozen=True)
class Pushed:
    """What `fill` pushed, the oldest first."""

    index: Manifest
    signature: Manifest
    old: Manifest
    running: Manifest


def fill(github: Hub, ghcr: Ghcr) -> Pushed:
    """An index that is due, with a signature; an image that is due; and one that runs."""
    ghcr.clock.set(github.world.now - 300 * DAY)
    index = ghcr.push_index(PACKAGE, "main-00000aa")
    signature = ghcr.push_referrer(PACKAGE, index)
    old = ghcr.push_image(PACKAGE, "main-00000ab")
    running = ghcr.push_image(PACKAGE, "latest", "production-current", ROLLBACK)
    ghcr.clock.set(github.world.now)
    github.pin(running.digest)
    return Pushed(index, signature, old, running)


def due(github: Hub, ghcr: Ghcr) -> None:
    """Decide, and let the grace pass."""
    github.decide()
    github.world.pass_days(1)
    ghcr.clock.set(github.world.now)


def test_all_that_is_due_goes_and_a_tag_is_taken_off(github: Hub, ghcr: Ghcr) -> None:
    pushed = fill(github, ghcr)
    due(github, ghcr)
    applied = github.apply()
    # the index, two parts, a signature and what names it, and the old image
    assert applied.count("deleted") == 6
    assert applied.missing == ()
    assert ghcr.versions(PACKAGE) == {str(pushed.running.digest): ("latest", "production-current")}


def test_a_second_plan_costs_only_the_list(github: Hub, ghcr: Ghcr) -> None:
    fill(github, ghcr)
    github.plan()
    read = ghcr.calls["manifest"]
    github.plan()
    assert ghcr.calls["manifest"] == read


@pytest.mark.parametrize("fault", ["last-tagged", "downloads"])
def test_a_refusal_is_on_record_and_the_rest_goes(github: Hub, ghcr: Ghcr, fault: str) -> None:
    pushed = fill(github, ghcr)
    due(github, ghcr)
    ghcr.fault(fault, digest=str(pushed.index.digest))
    told = github.told()
    assert told[str(pushed.index.digest)] == "refused"
    assert told[str(pushed.old.digest)] == "deleted"
    # its parts and signature stay with it
    assert sorted(told.values()) == ["deleted", "refused", *["vetoed"] * 4]
    assert github.registry.exists(github.image(f"@{pushed.index.digest}"))


def test_a_stale_list_does_no_harm(github: Hub, ghcr: Ghcr) -> None:
    pushed = fill(github, ghcr)
    due(github, ghcr)
    ghcr.fault("stale", digest=str(pushed.old.digest))
    told = github.told()
    assert told[str(pushed.old.digest)] == "refused"
    assert told[str(pushed.index.digest)] == "deleted"


def test_a_token_that_may_not_delete_stops_it(github: Hub, ghcr: Ghcr) -> None:
    pushed = fill(github, ghcr)
    due(github, ghcr)
    ghcr.fault("denied", times=None)
    applied = github.apply()
    assert "the token may not do this" in applied.packages[0].problem
    assert applied.count("deleted") == 0
    assert str(pushed.old.digest) in ghcr.versions(PACKAGE)


@pytest.mark.parametrize("fault", ["secondary", "too-many"])
def test_patience_is_had_where_it_is_asked_for(github: Hub, ghcr: Ghcr, fault: str) -> None:
    fill(github, ghcr)
    due(github, ghcr)
    began = github.world.clock.elapsed
    ghcr.fault(fault, call="delete", retry_after=100)
    assert set(github.told().values()) == {"deleted"}
    assert github.world.clock.elapsed - began >= 100


def test_a_long_wait_is_left_for_later(github: Hub, ghcr: Ghcr) -> None:
    fill(github, ghcr)
    due(github, ghcr)
    ghcr.fault("secondary", call="delete", retry_after=2000)
    with pytest.raises(RateLimited):
        github.apply()
    assert set(github.told().values()) == {"deleted"}


def test_an_error_in_mid_listing_decides_nothing(github: Hub, ghcr: Ghcr) -> None:
    fill(github, ghcr)
    ghcr.seed(PACKAGE, 250)
    ghcr.fault("server-error", call="list", page=2, times=None)
    decision = github.plan().decisions[0]
    assert decision.problem
    assert decision.verdicts == ()


@pytest.mark.parametrize("fault", ["no-link", "shift"])
def test_a_list_that_misleads_is_read_whole_or_not_at_all(
    github: Hub, ghcr: Ghcr, fault: str
) -> None:
    ghcr.clock.set(github.world.now - 300 * DAY)
    pushed = [ghcr.push_image(PACKAGE, f"main-{n:06x}a") for n in range(150)]
    ghcr.clock.set(github.world.now)
    keep = pushed[40]
    github.pin(keep.digest)
    ghcr.fault(fault, call="list")
    decision = github.plan().decisions[0]
    found = {each.version.digest for each in decision.verdicts}
    assert decision.problem or found == set(ghcr.versions(PACKAGE))


def test_what_was_pushed_and_is_not_seen_yet_is_not_touched(github: Hub, ghcr: Ghcr) -> None:
    fill(github, ghcr)
    due(github, ghcr)
    ghcr.fault("lag", count=3)
    late = ghcr.push_image(PACKAGE, "main-00000ff")
    github.apply()
    assert str(late.digest) in ghcr.versions(PACKAGE)


def test_what_was_deleted_is_restored_by_its_id(github: Hub, ghcr: Ghcr) -> None:
    pushed = fill(github, ghcr)
    due(github, ghcr)
    github.apply()
    sentence = restore(github.offices, pushed.index.digest)
    assert f"{pushed.index.digest} is back as main-00000aa" in sentence
    there = ghcr.versions(PACKAGE)
    # with both parts, and with what signs it
    assert len(there) == 6
    assert there[str(pushed.index.digest)] == ("main-00000aa",)


# --- a plain registry ---------------------------------------------------------------------------


@pytest.fixture
def plain(registry: str, tmp_path: Path) -> Iterator[Hub]:
    world = RetentionWorld(tmp_path, github=False)
    client = OciRegistry(docker_config=tmp_path, cache=tmp_path / "cache")
    name = f"{registry}/{tmp_path.name}".replace("_", "-").lower()
    yield hub(world, name, client, OciPackages(client))
    client.close()


@pytest.mark.engine
def test_a_plain_registry_loses_an_index_with_its_parts_and_takes_it_again(plain: Hub) -> None:
    parts = [push_image(plain.registry, plain.image(":temporary"), str(n)) for n in range(2)]
    index = push_index(plain.registry, plain.image(":main-00000aa"), parts)
    running = push_image(plain.registry, plain.image(":latest"), "running")
    moved = push_image(plain.registry, plain.image(f":{ROLLBACK}"), "running")
    assert moved == running
    # the parts lose their tag
    push_image(plain.registry, plain.image(":temporary"), "running")
    plain.pin(running.digest)
    plain.decide()
    plain.world.pass_days(1)
    applied = plain.apply()
    assert applied.count("deleted") == 3
    assert [each.result for each in applied.packages[0].untagged] == ["deleted"]
    assert "garbage collection" in applied.next
    assert set(plain.registry.tags(plain.image(""))) == {"latest", "temporary"}
    assert not any(plain.registry.exists(plain.image(f"@{each.digest}")) for each in parts)
    restore(plain.offices, index.digest)
    assert plain.registry.resolve(plain.image(":main-00000aa")) == index.digest
    assert all(plain.registry.exists(plain.image(f"@{each.digest}")) for each in parts)


@pytest.mark.engine
def test_a_plain_registry_without_the_layers_says_so(plain: Hub) -> None:
    old = push_image(plain.registry, plain.image(":main-00000aa"), "old")
    push_image(plain.registry, plain.image(":latest"), "new")
    plain.decide()
    plain.world.pass_days(1)
    plain.apply()
    for layer in json.loads(old.data)["layers"]:
        registry, _, repository = plain.name.partition("/")
        url = f"http://{registry}/v2/{repository}/blobs/{layer['digest']}"
        assert httpx.delete(url).status_code == 202
    with pytest.raises(RegistryRefused, match="build it again"):
        restore(plain.offices, old.digest)
