"""Packages for tests of retention: by hand with names for digests, and at random."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from moorline.core.manifest import Blob, Node
from moorline.core.retention.decide import decide
from moorline.core.retention.model import Decision, Pins, Policy, Rule, Version

__all__ = ["DAY", "NOW", "RULES", "Package", "digest", "packages"]

DAY = 86400.0
NOW = 1_795_000_000.0
RULES = (
    Rule(name="rollback backups", match="*-rollback-*", keep=30 * DAY, untag=True),
    Rule(name="production", match="production-*", keep=None),
    Rule(name="latest", match="latest", keep=None),
    Rule(name="semantic versions", match="semver", keep=None),
    Rule(name="commits", match="sha", keep=90 * DAY),
    Rule(name="untagged", match="untagged", keep=7 * DAY),
)
POLICY = Policy(packages=("ghcr.io/acme/app",), rules=RULES, minimum=0)


def digest(name: str) -> str:
    """The digest of the manifest called `name`."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


@dataclass
class Package:
    """One package, made by hand. Ages are days."""

    name: str = "ghcr.io/acme/app"
    policy: Policy = POLICY
    versions: list[Version] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    last_pinned: dict[str, float] = field(default_factory=dict)

    def add(
        self,
        name: str,
        *tags: str,
        age: float = 1000,
        parts: Sequence[str] = (),
        subject: str = "",
        layers: Mapping[str, int] | None = None,
    ) -> None:
        """Push a manifest; `parts` and `subject` are names of others."""
        blobs = {f"config of {name}": 10} | dict(layers or {}) if not parts else {}
        self.versions.append(
            Version(digest=digest(name), tags=tags, created=NOW - age * DAY if age >= 0 else 0.0)
        )
        self.nodes[digest(name)] = Node(
            digest=digest(name),
            size=100,
            children=tuple(digest(each) for each in parts),
            blobs=tuple(Blob(digest(each), size) for each, size in blobs.items()),
            subject=digest(subject) if subject else "",
        )

    def pin(self, name: str, why: str = "pinned by production") -> None:
        """Have a file in git name it now."""
        self.held[digest(name)] = why

    def rule(self, **changes: object) -> None:
        """Change the policy."""
        self.policy = replace(self.policy, **changes)  # type: ignore[arg-type]

    @property
    def pins(self) -> Pins:
        return Pins(held=self.held, last_pinned=self.last_pinned)

    def decide(self) -> Decision:
        return decide(self.name, self.versions, self.nodes, self.pins, self.policy, now=NOW)

    def doomed(self) -> list[str]:
        """Names of what goes, in order."""
        names = {digest(each): each for each in NAMES}
        return [names[each.version.digest] for each in self.decide().doomed]

    def says(self, name: str) -> str:
        """`fate rule: reason` of one."""
        names = {digest(each): each for each in NAMES}
        verdicts = self.decide().verdicts
        found = next(each for each in verdicts if each.version.digest == digest(name))
        reason = found.reason
        for known, word in names.items():
            reason = reason.replace(known, word)
        return f"{found.fate} {found.rule}: {reason}"


NAMES = (
    *("web", "app", "old", "new", "newer", "newest", "index", "outer", "amd64", "arm64"),
    *("provenance", "signature", "sbom", "fallback", "report", "orphan", "other"),
)

_TAGS = st.sampled_from(
    [
        *("latest", "v1.2.3", "production-current", "some-branch"),
        *(f"main-{number:06x}a" for number in range(6)),
        *("production-rollback-20200101T000000Z", "production-rollback-20261101T000000Z"),
    ]
)


@st.composite
def packages(draw: st.DrawFn) -> Package:
    """Any package: nested indexes that share parts, attached things in chains and circles, tags
    of every kind, pins of anything.
    """
    package = Package()
    count = draw(st.integers(1, 14))
    for number in range(count):
        name = f"m{number}"
        before = [f"m{each}" for each in range(number)]
        parts = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        # a subject may be any digest, also one that is not there
        subject = draw(st.sampled_from(["", "", "", "absent", *before]))
        tags = draw(st.lists(_TAGS, max_size=2, unique=True))
        if draw(st.integers(0, 4)) == 0:
            attached = digest(f"m{draw(st.integers(0, count))}").replace(":", "-")
            tags = [*tags, attached + draw(st.sampled_from(["", ".sig", ".att"]))]
        age = draw(st.sampled_from([-1.0, 0.5, 2.0, 20.0, 60.0, 120.0, 1000.0]))
        package.add(name, *tags, age=age, parts=parts, subject=subject)
    for name in draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True)):
        package.pin(f"m{name}")
    for name in draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True)):
        package.last_pinned[digest(f"m{name}")] = NOW - draw(st.sampled_from([1, 30, 200])) * DAY
    return package
