"""The registry's half as one story: tags follow what is proven, retention deletes what nobody
needs, and whatever a `git revert` within the window asks for is still there.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, web
from tests.ghcr.emulator import Ghcr, running_ghcr
from tests.parts.images import build, push, remove

pytestmark = pytest.mark.engine

PACKAGE = "acme/web"
COMMITS = ["1a1a1a1", "2b2b2b2", "3c3c3c3"]
GRACE = 10
RULES = [
    {"name": "current", "match": "*-current", "keep": "forever"},
    {"name": "rollback backups", "match": "*-rollback-*", "keep": "30d"},
    {"name": "latest", "match": "latest", "keep": "forever"},
    {"name": "commits", "match": "sha", "keep": "90d"},
    {"name": "untagged", "match": "untagged", "keep": "7d"},
]


class Story:
    """A host that deploys from an emulator of GHCR, in front of a real registry."""

    def __init__(self, stage: Stage, ghcr: Ghcr, login: Path) -> None:
        self.stage, self.ghcr, self.login = stage, ghcr, login
        self.package = f"{ghcr.registry}/{PACKAGE}"
        self.images: list[ImageRef] = []
        stage.configure(
            extra=f'[engine]\ndocker_config = "{login}"\n'
            f'[github]\nregistry = "{ghcr.registry}"\napi = "{ghcr.api}"\n'
            "[retention]\nrun = true\n"
        )

    def publish(self) -> None:
        """What a CI pushes: an image for each commit, as old as the emulator's clock says."""
        for number, commit in enumerate(COMMITS, 1):
            tag = f"{self.package}:main-{commit}"
            build(tag, version=str(number))
            self.images.append(ImageRef.parse(tag).pinned(push(tag, docker_config=self.login)))

    def policy(self, *, protect: tuple[str, ...] = ()) -> None:
        """A person's commit."""
        value = {
            "version": 1,
            "enabled": True,
            "grace": f"{GRACE}s",
            "pace": "0s",
            "minimum": 0,
            "packages": [self.package],
            "rules": RULES,
            "protect": list(protect),
        }
        self.stage.remote.commit({"policies/retention.yaml": yaml.safe_dump(value)}, "policy")

    def tags(self) -> dict[str, str]:
        """Tag → digest, as GitHub lists them."""
        versions = self.ghcr.versions(PACKAGE)
        return {tag: digest for digest, tags in versions.items() for tag in tags}

    def digests(self) -> set[str]:
        return set(self.ghcr.versions(PACKAGE))

    def missed_its_hour(self) -> None:
        """As if the host had been down at two in the morning: the daemon makes up for it."""
        folder = self.stage.state / "retention"
        folder.mkdir(exist_ok=True)
        looked = time.time() - 2 * 86400
        (folder / "state.json").write_text(json.dumps({"looked": looked}))

    def forget_images(self) -> None:
        """Take everything off the host that it does not run."""
        for tag in self.stage.kept():
            self.stage.api.remove_image(tag)
        for image in self.images[:-1]:
            remove(image)

    def records(self) -> int:
        """How many decisions and outcomes are on record."""
        remote = self.stage.remote
        return len(remote.files("history/retention")) if remote.tip("history/retention") else 0

    def close(self) -> None:
        for image in self.images:
            remove(image)


@pytest.fixture
def story(stage: Stage, registry: str, tmp_path: Path) -> Iterator[Story]:
    login = tmp_path / "docker"
    login.mkdir()
    with running_ghcr(upstream=f"http://{registry}") as ghcr:
        made = Story(stage, ghcr, ghcr.login(login))
        yield made
        stage.end_daemons()
        made.close()


def test_what_a_revert_could_ask_for_survives_and_everything_else_goes(story: Story) -> None:
    stage, ghcr = story.stage, story.ghcr
    story.publish()
    old = [str(ghcr.push_image(PACKAGE, f"main-{n}d4d4d4").digest) for n in range(4)]
    platforms = ghcr.push_index(PACKAGE, "latest")
    signature = ghcr.push_cosign(PACKAGE, platforms)
    story.policy()

    # three versions in turn: the tags follow
    daemon = stage.start()
    commits = [stage.deploy({"web": web(image)}) for image in story.images]
    first, second, third = (str(image.digest) for image in story.images)
    current = f"{stage.environment}-current"
    eventually(lambda: story.tags().get(current) == third, f"{current}: {story.tags()}")
    rollbacks = {d for t, d in story.tags().items() if t.startswith(f"{stage.environment}-roll")}
    assert rollbacks == {first, second}
    daemon.stop()

    # anybody can see what would go, and which version is which
    plan = stage.moorline("retention", "plan", "--json")
    assert plan.returncode == 10, plan.stdout + plan.stderr
    (package,) = json.loads(plan.stdout)["packages"]
    assert {each["digest"] for each in package["versions"]} == set(old), package
    shown = json.loads(stage.moorline("versions", "web", "--json").stdout)
    lines = {each["digest"]: each for each in shown["versions"]}
    assert lines[third]["runs"][0]["environment"] == stage.environment
    assert lines[second]["previous_of"] == [f"{stage.environment}/web"]
    assert (lines[first]["commit"], lines[first]["on_host"]) == (COMMITS[0], True)
    assert lines[old[0]]["retention"]["verdict"] == "delete"

    # the daemon decides, on record; a person says no to one of them; the rest goes
    story.missed_its_hour()
    daemon = stage.start()
    eventually(lambda: story.records() == 1, "a decision on record")
    daemon.stop()
    before = story.digests()
    story.policy(protect=(old[0],))
    outcome = _applied_when_due(stage)
    assert outcome["missing"] == []
    assert before - story.digests() == set(old[1:])
    assert {str(platforms.digest), str(signature.digest), first, second} <= story.digests()
    assert story.tags()[current] == third

    # any state of the window still deploys, from the registry
    story.forget_images()
    stage.start()
    for commit, image in zip(commits[:2], story.images[:2], strict=True):
        words = ("--to", commit, "--confirm", "ROLLBACK")
        done = stage.moorline("rollback", stage.environment, *words)
        assert done.returncode == 0, done.stderr
        stage.wait_settled("web", image)
    undone = stage.revert(stage.remote.shas()[0])
    stage.wait_deployed(undone)
    stage.wait_settled("web", story.images[0])

    # and what went comes back
    stage.end_daemons()
    back = stage.moorline("retention", "restore", old[1])
    assert back.returncode == 0, back.stderr
    assert story.tags()["main-1d4d4d4"] == old[1]


def _applied_when_due(stage: Stage) -> dict[str, object]:
    """The outcome of `moorline retention apply`, once the grace is over."""
    found: dict[str, object] = {}

    def is_applied() -> bool:
        done = stage.moorline("retention", "apply", "--json")
        assert done.returncode == 0, done.stderr
        found.update(json.loads(done.stdout))
        return found["id"] is not None

    eventually(is_applied, "the decision to be carried out", within=3 * GRACE)
    return found
