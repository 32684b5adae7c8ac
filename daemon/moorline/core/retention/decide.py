"""The decision about one package: what stays, what goes, by which rule, and why.

Rule 1: decided by digest. A version goes only if nothing holds it and all of its tags are due.
Rule 2: what stays takes along everything that it needs: the parts of an index, attestations,
        signatures, and whatever is attached to those.
Rule 3: what cannot be read may need anything: then nothing of the package goes.
Rule 4: what no rule speaks of stays, and so does what is too young to judge: a push under way
        lists parts before their index.

Age counts from the time in a rollback tag, else from the first push or from when git named the
digest last, whichever is later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moorline.core.manifest import Node
from moorline.core.retention.graph import Graph
from moorline.core.retention.model import (
    DAY,
    Decision,
    Fate,
    Pins,
    Policy,
    Rule,
    Untag,
    Verdict,
    Version,
)
from moorline.core.retention.space import freed, own_size
from moorline.core.retention.tags import TagRules, names_among, rollback_time

__all__ = ["MINIMUM", "PART", "PINNED", "PROTECTED", "REFERRER", "YOUNG", "decide"]

# Where it is no rule of the policy that decides, one of these words stands in a rule's place.
PINNED, PROTECTED, MINIMUM = "pinned", "protected", "minimum"
PART, REFERRER, YOUNG, UNKNOWN = "part", "referrer", "young", "unknown"

_NEVER = float("inf")
_NAMED = 3
"""So many digests are named in a problem."""


@dataclass(frozen=True, slots=True)
class _Due:
    """When the rules let something go, and the rule that holds it longest."""

    at: float
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Held:
    rule: str
    reason: str


def decide(
    package: str,
    versions: Sequence[Version],
    nodes: Mapping[str, Node],
    pins: Pins,
    policy: Policy,
    *,
    now: float,
) -> Decision:
    """Decide about all `versions` of a package. `nodes` has what each refers to, by digest; where
    one is missing nothing goes, unless the policy protects that very digest.
    """
    return _Package(package, versions, nodes, pins, policy, now).decide()


@dataclass(slots=True)
class _Package:
    name: str
    versions: Sequence[Version]
    nodes: Mapping[str, Node]
    pins: Pins
    policy: Policy
    now: float
    rules: TagRules = field(init=False)
    graph: Graph = field(init=False)
    dues: dict[str, _Due] = field(init=False)

    def __post_init__(self) -> None:
        self.rules = TagRules(self.policy.rules)
        self.graph = Graph.of(self.versions, self.nodes)
        self.dues = {each.digest: self._due(each) for each in self.versions}

    def decide(self) -> Decision:
        if problem := self._problem():
            return Decision(package=self.name, problem=problem)
        held = self._held()
        held |= self._minimum(held)
        needed = self.graph.closure(held)
        verdicts = [self._verdict(each, held, needed) for each in self.versions]
        doomed = [each.version.digest for each in verdicts if each.fate == "delete"]
        staying = [each.version.digest for each in verdicts if each.fate == "keep"]
        least, most = freed(doomed, staying, self.nodes)
        images = [each for each in verdicts if self._is_image(each.version)]
        return Decision(
            package=self.name,
            verdicts=self._in_order(verdicts, doomed),
            untag=tuple(self._untags(staying)),
            images=sum(each.fate == "keep" for each in images),
            doomed_images=sum(each.fate == "delete" for each in images),
            freed_least=least,
            freed_most=most,
        )

    def _problem(self) -> str:
        unread = [
            each.digest
            for each in self.versions
            if each.digest not in self.nodes and each.digest not in self.policy.protect
        ]
        if not unread:
            return ""
        some = ", ".join(unread[:_NAMED])
        more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
        return f"cannot read the manifest of {some}{more}"

    # --- when the rules let something go ---

    def _due(self, version: Version) -> _Due:
        """The latest of what its tags say; a version without any is judged as such."""
        tags = names_among(version.tags)
        if not tags:
            return self._due_untagged(version)
        return max((self._due_of_tag(version, tag) for tag in tags), key=lambda due: due.at)

    def _due_of_tag(self, version: Version, tag: str) -> _Due:
        rule = self.rules.rule_for(tag)
        if rule is None:
            return _Due(_NEVER, UNKNOWN, f"{tag}: no rule speaks of it")
        made = rollback_time(tag)
        if made is None:
            return self._due_by(rule, version, tag)
        return self._counted(rule, tag, made)

    def _due_untagged(self, version: Version) -> _Due:
        if self.rules.untagged is None:
            return _Due(_NEVER, UNKNOWN, "no tag, and no rule speaks of that")
        return self._due_by(self.rules.untagged, version, "no tag")

    def _due_by(self, rule: Rule, version: Version, what: str) -> _Due:
        if not version.created:
            return _Due(_NEVER, UNKNOWN, f"{what}: nobody knows how old it is")
        return self._counted(rule, what, self._since(version))

    def _counted(self, rule: Rule, what: str, since: float) -> _Due:
        if rule.keep is None:
            return _Due(_NEVER, rule.name, f"{what}: {rule.name} are kept for ever")
        days = f"{rule.keep / DAY:g} days"
        return _Due(since + rule.keep, rule.name, f"{what}: {rule.name} are kept {days}")

    def _since(self, version: Version) -> float:
        """The moment that age counts from."""
        return max(version.created, self.pins.last_pinned.get(version.digest, 0.0))

    # --- what is held ---

    def _held(self) -> dict[str, _Held]:
        """Digest → what holds it, without what it takes along."""
        held: dict[str, _Held] = {}
        for version in self.versions:
            if found := self._holder(version):
                held[version.digest] = found
        return held

    def _holder(self, version: Version) -> _Held | None:
        digest = version.digest
        if digest in self.pins.held:
            return _Held(PINNED, self.pins.held[digest])
        if self._is_protected(version):
            return _Held(PROTECTED, "the policy protects it")
        if self.now - version.created < DAY:
            return _Held(YOUNG, "pushed within the last day")
        due = self.dues[digest]
        if self._goes_along(version) or due.at <= self.now:
            return None
        return _Held(due.rule, due.reason)

    def _is_protected(self, version: Version) -> bool:
        protect = self.policy.protect
        if not protect:
            return False
        names = (f"{self.name}@{version.digest}", *(f"{self.name}:{tag}" for tag in version.tags))
        return version.digest in protect or not protect.isdisjoint(names)

    def _goes_along(self, version: Version) -> bool:
        """Whether it has no say of its own: a part, or something attached to what is there."""
        if names_among(version.tags):
            return False
        subject = self.graph.subjects.get(version.digest, "")
        return version.digest in self.graph.parents or subject in self.dues

    def _minimum(self, held: Mapping[str, _Held]) -> dict[str, _Held]:
        """The newest of what would go, where too few images would stay."""
        missing = self.policy.minimum - sum(
            each.digest in held for each in self.versions if self._is_image(each)
        )
        if missing <= 0:
            return {}
        spare = [v for v in self.versions if v.digest not in held and self._is_image(v)]
        spare.sort(key=lambda each: (-self._since(each), each.digest))
        reason = f"never fewer than {self.policy.minimum} images"
        return {each.digest: _Held(MINIMUM, reason) for each in spare[:missing]}

    def _is_image(self, version: Version) -> bool:
        """Whether people would count it: it has a name, or something asks for it."""
        return bool(names_among(version.tags)) or version.digest in self.pins.held

    # --- the verdicts ---

    def _verdict(
        self, version: Version, held: Mapping[str, _Held], needed: Mapping[str, str]
    ) -> Verdict:
        fate, rule, reason = self._fate(version, held, needed)
        due = self.dues[version.digest].at
        return Verdict(
            version=version,
            fate=fate,
            rule=rule,
            reason=reason,
            age=max(0.0, self.now - self._since(version)) if version.created else 0.0,
            size=own_size(self.nodes.get(version.digest)),
            expires=None if due == _NEVER else due,
        )

    def _fate(
        self, version: Version, held: Mapping[str, _Held], needed: Mapping[str, str]
    ) -> tuple[Fate, str, str]:
        digest = version.digest
        if digest in held:
            return "keep", held[digest].rule, held[digest].reason
        if digest in needed:
            return "keep", *self._along(digest, needed[digest])
        if self._goes_along(version):
            return "delete", *self._along(digest, self._leader(digest))
        due = self.dues[digest]
        return "delete", due.rule, due.reason

    def _along(self, digest: str, other: str) -> tuple[str, str]:
        """The rule and the reason of what goes or stays along with `other`."""
        node = self.nodes.get(other)
        if node is not None and digest in node.children:
            return PART, f"part of {other}"
        return REFERRER, f"attached to {other}"

    def _leader(self, digest: str) -> str:
        return self.graph.parents.get(digest) or self.graph.subjects[digest]

    def _untags(self, staying: Sequence[str]) -> Iterator[Untag]:
        """Tags that are due on versions that stay; the last tag of a version stays with it."""
        if not any(rule.untag for rule in self.policy.rules):
            return
        kept = frozenset(staying)
        for version in self.versions:
            if version.digest not in kept or len(version.tags) == 1:
                continue
            due = [each for tag in version.tags if (each := self._untag(version, tag))]
            # a version that stays only by what is due would lose its name
            yield from due if len(due) < len(version.tags) else due[:-1]

    def _untag(self, version: Version, tag: str) -> Untag | None:
        rule = self.rules.rule_for(tag)
        if rule is None or not rule.untag or f"{self.name}:{tag}" in self.policy.protect:
            return None
        due = self._due_of_tag(version, tag)
        if due.at > self.now:
            return None
        return Untag(tag=tag, digest=version.digest, rule=rule.name, reason=due.reason)

    def _in_order(self, verdicts: Sequence[Verdict], doomed: Sequence[str]) -> tuple[Verdict, ...]:
        """What goes first: an index before its parts, an image before what is attached to it, and
        of equals the oldest.
        """
        depths = self.graph.depths(doomed)

        def place(verdict: Verdict) -> tuple[int, bool, float, str]:
            version = verdict.version
            depth = depths.get(version.digest, 0)
            attached = version.digest in self.graph.subjects
            return depth, attached, version.created, version.digest

        return tuple(sorted(verdicts, key=place))
