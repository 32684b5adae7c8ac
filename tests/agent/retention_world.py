"""A host that runs retention, on fakes: a registry with packages, a state repo with a policy."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from moorline.adapters.files import HostFileStore
from moorline.adapters.ingress import NoIngress
from moorline.adapters.registry_port import Packages, Registry
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.config import Config, RepoConfig
from moorline.agent.config_model import RetentionConfig
from moorline.agent.host import Host
from moorline.agent.report import SilentReporter
from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.plan import plan_retention, record_plan
from moorline.agent.retention.schedule import Schedule
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import OCI_INDEX, OCI_MANIFEST, Manifest
from moorline.core.retention.model import Version
from moorline.core.retention.outcomes import AppliedRecord
from moorline.core.retention.records import DecisionRecord
from moorline.errors import MoorlineError, RemoteUnreachable
from tests.fakes.engine import FakeEngine
from tests.fakes.host import FakeClock
from tests.fakes.packages import FakePackages
from tests.fakes.prober import FakeProber
from tests.fakes.registry import FakeRegistry
from tests.fakes.staterepo import FakeRemote, FakeStateRepo

__all__ = ["APP", "BRANCH", "DAY", "HOUR", "RetentionWorld", "Telling", "four_versions"]

APP = "ghcr.io/acme/app"
BRANCH = "history/retention"
HOUR, DAY = 3600.0, 86400.0
RULES = (
    {"name": "rollback backups", "match": "*-rollback-*", "keep": "30d"},
    {"name": "production", "match": "production-*", "keep": "forever"},
    {"name": "latest", "match": "latest", "keep": "forever"},
    {"name": "semantic versions", "match": "semver", "keep": "forever"},
    {"name": "commits", "match": "sha", "keep": "90d"},
    {"name": "untagged", "match": "untagged", "keep": "7d"},
)


class Telling(SilentReporter):
    """Remembers what was noted."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []

    def note(self, event: str, /, **values: object) -> None:
        self.events.append((event, values))


@dataclass
class RetentionWorld:
    """`folder` is where the host keeps its state; everything else is in memory."""

    folder: Path
    github: bool = True
    host: str = "web-1"
    remote: FakeRemote = field(default_factory=FakeRemote)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    clock: FakeClock = field(default_factory=FakeClock)
    engine: FakeEngine = field(default_factory=FakeEngine)
    telling: Telling = field(default_factory=Telling)
    check_stop: Callable[[], None] = lambda: None
    packages: FakePackages = field(init=False)
    names: dict[str, Digest] = field(default_factory=dict)
    """What a test calls a manifest → its digest."""

    def __post_init__(self) -> None:
        self.packages = FakePackages(self.registry, github=self.github)
        if self.github:
            self.registry.deletes_tags = self.registry.deletes_manifests = False
        self.config = Config(
            repo=RepoConfig(url="ssh://git.example.test/state.git"),
            environments=("production",),
            host=self.host,
            state_dir=str(self.folder / "state"),
            runtime_dir=str(self.folder / "run"),
            retention=RetentionConfig(run=True),
        )
        self.repo = FakeStateRepo(self.remote, host=self.host)

    # --- setting it up ---

    def policy(self, **changes: object) -> str:
        """A person's commit of the policy: enabled, unless told otherwise."""
        value = {
            "version": 1,
            "enabled": True,
            "minimum": 0,
            "packages": [APP],
            "rules": list(RULES),
            **changes,
        }
        text = yaml.safe_dump(value, sort_keys=False)
        return self.remote.commit({"policies/retention.yaml": text}, "policy")

    def pin(self, *names: str, environment: str = "production") -> str:
        """A person's commit of an environment that runs these."""
        services = {
            f"s{n}": {"image": f"{APP}@{self.names[name]}"} for n, name in enumerate(names)
        }
        text = yaml.safe_dump({"name": environment, "services": services})
        return self.remote.commit({f"environments/{environment}.yaml": text}, f"pin {names}")

    def push(
        self,
        name: str,
        *tags: str,
        age: float = 100,
        parts: Sequence[str] = (),
        subject: str = "",
        package: str = APP,
        size: int = 1000,
    ) -> ImageRef:
        """Push a manifest that is so many days old; `parts` makes it an index of those."""
        image = ImageRef.parse(package)
        manifest = self._manifest(image, name, parts, subject, size)
        pinned = image.pinned(manifest.digest)
        self.registry.put_manifest(pinned, manifest)
        for tag in tags:
            self.registry.put(ImageRef.parse(f"{package}:{tag}@{manifest.digest}"))
        self.packages.created[pinned.pin] = self.now - age * DAY
        self.names[name] = manifest.digest
        return pinned

    def commits(self, count: int, *, age: float = 100) -> list[str]:
        """So many images with a commit's tag, the first the oldest; returns their names."""
        names = [f"image {number:04}" for number in range(count)]
        for number, name in enumerate(names):
            self.push(name, f"main-{number:06x}a", age=age + (count - number) / 100)
        return names

    def _manifest(
        self, image: ImageRef, name: str, parts: Sequence[str], subject: str, size: int
    ) -> Manifest:
        value: dict[str, Any] = {"schemaVersion": 2, "annotations": {"name": name}}
        if subject:
            value["subject"] = {"digest": str(self.names[subject]), "size": 1}
        if parts:
            value["manifests"] = [{"digest": str(self.names[each]), "size": 1} for each in parts]
            return Manifest(OCI_INDEX, json.dumps(value).encode())
        layer = self.registry.put_blob(image, name.encode() * 10)
        value["config"] = {"digest": str(layer), "size": 10}
        value["layers"] = [{"digest": str(layer), "size": size}]
        return Manifest(OCI_MANIFEST, json.dumps(value).encode())

    # --- running it ---

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    @property
    def state(self) -> Path:
        return Path(self.config.state_dir, "retention")

    def offices(
        self,
        *,
        repo: StateRepo | None = None,
        registry: Registry | None = None,
        packages: Packages | None = None,
    ) -> Offices:
        return Offices(
            config=self.config,
            repo=repo or self.repo,
            registry=registry or self.registry,
            packages=lambda _image: packages or self.packages,
            engine=self.engine,
            clock=self.clock,
            reporter=self.telling,
            check_stop=self.check_stop,
        )

    def schedule(self) -> Schedule:
        """The clerk's task, in a process that has just started."""
        host = Host(
            config=self.config,
            engine=self.engine,
            repo=self.repo,
            prober=FakeProber(),
            ingress=NoIngress(),
            files=HostFileStore(state_dir=self.state, runtime_dir=self.folder / "run"),
            clock=self.clock,
            reporter=self.telling,
            check_stop=self.check_stop,
        )
        return Schedule(host, self.offices)

    def decide(self, **options: Any) -> DecisionRecord:  # noqa: ANN401  (those of plan_retention)
        """Plan, and put it on record."""
        offices = self.offices()
        return record_plan(offices, plan_retention(offices, **options))

    def apply(self, **options: Any) -> AppliedRecord:  # noqa: ANN401  (those of apply_due)
        """Carry out what is due."""
        applied = apply_due(self.offices(), **options)
        assert applied is not None, "nothing was due"
        return applied

    def pass_days(self, days: float) -> None:
        self.clock.elapsed += days * DAY

    # --- what happens to it ---

    def image(self, name: str, tag: str | None = None) -> ImageRef:
        """What a test calls so, pinned, and with a tag if one is given."""
        digest = self.names[name]
        return ImageRef.parse(f"{APP}:{tag}@{digest}" if tag else f"{APP}@{digest}")

    def while_deleting(self, name: str, happens: Callable[[], object]) -> None:
        """Have something happen once, when the deletion of `name` is asked for."""
        waiting = [happens]

        def before(version: Version) -> None:
            if version.digest == str(self.names[name]) and waiting:
                waiting.pop()()

        self.packages.before_delete = before

    def fail(self, method: str, name: str, error: MoorlineError) -> None:
        """Have a call fail for one manifest."""
        where = self.registry if method in dir(self.registry) else self.packages
        where.errors[f"{method} {APP}@{self.names[name]}"] = error

    def break_manifest(self, name: str) -> None:
        """Have something stored in its place that is no manifest."""
        pin = f"{APP}@{self.names[name]}"
        self.registry.contents[pin] = Manifest(OCI_MANIFEST, b"<html>")

    def lose_git(self) -> None:
        """The remote goes away."""
        self.remote.trouble = RemoteUnreachable("no route to host")

    # --- looking at it ---

    def left(self, package: str = APP) -> list[str]:
        """Names of what is there, in the order in which it was pushed."""
        return [n for n, d in self.names.items() if f"{package}@{d}" in self.registry.pins]

    def tags(self, package: str = APP) -> dict[str, str]:
        """Tag → name of what it is on."""
        names = {digest: name for name, digest in self.names.items()}
        found = self.registry.tags_of(package)
        return {tag: names.get(digest, "?") for tag, digest in sorted(found.items())}

    def deleted(self) -> list[str]:
        """Names of what was deleted, in order."""
        names = {f"delete {APP}@{digest}": name for name, digest in self.names.items()}
        return [names[each] for each in self.registry.changes if each in names]

    def says(self, applied: AppliedRecord) -> dict[str, str]:
        """Name → `result` or `result: reason`, with names for digests."""
        names = {str(digest): name for name, digest in self.names.items()}
        told = {}
        for each in (each for package in applied.packages for each in package.versions):
            reason = each.reason
            for digest, name in names.items():
                reason = reason.replace(digest, name)
            told[names[each.digest]] = f"{each.result}: {reason}" if reason else each.result
        return told

    def records(self) -> list[str]:
        """Paths on the history branch."""
        return list(self.remote.files(BRANCH)) if self.remote.tip(BRANCH) else []


def four_versions(folder: Path) -> RetentionWorld:
    """One version that runs, one of a month ago, and two that are due."""
    world = RetentionWorld(folder)
    world.push("old", "main-00000aa", age=300)
    world.push("older", "main-00000ab", age=400)
    world.push("fresh", "main-00000ac", age=30)
    world.push("running", "main-00000ad", "production-current", age=200)
    world.pin("running")
    world.policy()
    return world
