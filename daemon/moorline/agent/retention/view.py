"""One package as it is now, and what would go of it by the ground as it is now."""

from collections.abc import Sequence
from dataclasses import replace

from moorline.agent.retention.gate import Gate
from moorline.agent.retention.ground import Ground
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.plan import spared
from moorline.agent.retention.survey import survey, unnamed
from moorline.core.retention.decide import decide
from moorline.core.retention.graph import Graph
from moorline.core.retention.model import Decision, Version

__all__ = ["View"]

FRESH = 60.0
"""Seconds for which a survey is good: somebody may push an index of parts that are condemned."""
SHARE = 20
"""A survey is made anew only after so many times what it took: very many versions take long."""


class View:
    """`versions` by digest, `nodes`, their `graph`, and the `fresh` decision."""

    def __init__(
        self,
        offices: Offices,
        gate: Gate,
        package: str,
        *,
        deleted: Sequence[str],
        also: Sequence[Version],
        force_empty: bool,
    ) -> None:
        """`deleted` is what an earlier attempt deleted: a list may still show it. `also` is what
        a plain registry may have without listing it.
        """
        self.package = package
        self.versions: dict[str, Version] = {}
        self.graph = Graph.of((), {})
        self.nodes = self.graph.nodes
        self.fresh = Decision(package=package)
        self._offices = offices
        self._gate = gate
        self._deleted = set(deleted)
        self._also = tuple(also)
        self._force_empty = force_empty
        self._good_until = 0.0
        self._survey()
        self._decide()

    @property
    def ground(self) -> Ground:
        """The policy and the pins as they were read last."""
        return self._gate.ground

    def drop(self, digest: str) -> None:
        """It is gone."""
        self._deleted.add(digest)
        self.versions.pop(digest, None)

    def look_again(self) -> bool:
        """Look at all that may have changed, each as often as is fit; whether anything was."""
        has_moved = self._gate.has_moved()
        is_old = self._offices.clock.monotonic() >= self._good_until
        if is_old:
            self._survey()
        if is_old or has_moved:
            self._decide()
        return is_old or has_moved

    def _survey(self) -> None:
        began = self._offices.clock.monotonic()
        also = (*self._also, *unnamed(self.ground.pins))
        found, nodes = survey(self._offices, self.package, also=also)
        self.versions = {each.digest: each for each in found if each.digest not in self._deleted}
        # what was deleted meanwhile still says how much that freed
        self.nodes = {**self.nodes, **nodes}
        self.graph = Graph.of(self.versions.values(), self.nodes)
        now = self._offices.clock.monotonic()
        self._good_until = now + max(FRESH, SHARE * (now - began))

    def _decide(self) -> None:
        policy, versions = self.ground.policy, tuple(self.versions.values())
        pins, now = self.ground.pins, self._offices.now()
        fresh = decide(self.package, versions, self.nodes, pins, policy, now=now)
        self.fresh = fresh if self._force_empty else spared(fresh)
        if reason := self._out_of_policy():
            self.fresh = replace(self.fresh, problem=reason)

    def _out_of_policy(self) -> str:
        if not self.ground.policy.enabled:
            return "the policy does not say enabled: true any more"
        if self.package not in self.ground.policy.packages:
            return "the policy does not name the package any more"
        return ""
