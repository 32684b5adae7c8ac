"""Carrying out a decision whose grace is over: the story of one run.

Everything is looked at anew first: the policy, the pins, and the packages. Whatever ends a run
before its time (git away, a registry that asks for an hour, kill -9) leaves the journal, and the
next run goes on from there.
"""

from moorline.agent.durable.lock import state_lock
from moorline.agent.retention.carrier import Carrier
from moorline.agent.retention.gate import Gate
from moorline.agent.retention.ground import read_ground
from moorline.agent.retention.journal import Journal, Line, Outgoing
from moorline.agent.retention.ledger import BRANCH, MemoryFile, load_decision, pending_decision
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.pins import pinned_now
from moorline.agent.retention.removed import Removed
from moorline.agent.retention.results import (
    deleted_digests,
    is_late,
    orphans,
    outgoing,
    package_space,
)
from moorline.agent.retention.untagging import DUMMY, Untagger
from moorline.agent.retention.verify import critical_names
from moorline.agent.retention.view import View
from moorline.core.retention.model import Decision, Version
from moorline.core.retention.outcomes import AppliedRecord, read_applied
from moorline.core.retention.records import DecisionRecord
from moorline.errors import AccessDenied, NotFound, RegistryRefused, RegistryUnreachable

__all__ = ["apply_due"]


def apply_due(offices: Offices, *, force_empty: bool = False) -> AppliedRecord | None:
    """Carry out what is due, or go on with what was begun; None where nothing is.

    Raises Interrupted, RemoteUnreachable, RegistryUnreachable: the run is resumable then. Raises
    UnsafeRetention and InvalidPolicy: nothing (more) was deleted.
    """
    with state_lock(offices.folder, "retention"):
        journal = Journal(offices.folder)
        journal.load()
        if (left := journal.outgoing()) is not None:
            return _file(offices, journal, left)
        decision = _due(offices, journal)
        if decision is None:
            return None
        ready = _Run(offices, journal, decision, force_empty=force_empty).run()
        journal.hand_over(ready)
        return _file(offices, journal, ready)


def _due(offices: Offices, journal: Journal) -> DecisionRecord | None:
    offices.repo.fetch()
    if journal.lines:
        return load_decision(offices.repo, journal.lines[0].decision)
    pending = pending_decision(offices.repo, offices.config.host, now=offices.now())
    if pending is None or pending.due is None or pending.due > offices.now():
        return None
    return load_decision(offices.repo, pending.id)


def _file(offices: Offices, journal: Journal, ready: Outgoing) -> AppliedRecord:
    """Put the record into git, and only then forget how it came about."""
    files = {path: text.encode() for path, text in ready.files.items()}
    offices.repo.append(BRANCH, files, message=ready.message)
    applied = read_applied(list(files.values()))
    MemoryFile(offices.folder).remember(pending="", decided=0.0, due=0.0, missing=ready.missing)
    journal.clear()
    Removed(offices.folder).forget(offices.now())
    for name in applied.missing:
        offices.reporter.note("MISSING AFTER RETENTION", image=name, decision=applied.id)
    offices.reporter.note(
        "retention",
        decision=applied.id,
        deleted=applied.count("deleted"),
        vetoed=applied.count("vetoed"),
        refused=applied.count("refused"),
    )
    return applied


class _Run:
    """One decision, package by package."""

    def __init__(
        self, offices: Offices, journal: Journal, decision: DecisionRecord, *, force_empty: bool
    ) -> None:
        self._offices = offices
        self._journal = journal
        self._decision = decision
        self._force_empty = force_empty or decision.forced
        self._gate = Gate(offices, read_ground(offices))
        self._pinned = frozenset(pinned_now(offices.repo, self._gate.ground.commit))
        self._left_open: RegistryUnreachable | None = None

    def run(self) -> Outgoing:
        """Do all of it; returns the record. Raises what a registry asked for patience with."""
        if not self._journal.lines:
            begin = Line(turn="begin", decision=self._decision.id, at=self._offices.now())
            self._journal.write(begin)
        done = {line.package for line in self._journal.lines if line.turn == "done"}
        for recorded in self._decision.decisions:
            if recorded.package not in done:
                self._package(recorded)
        if self._left_open is not None:
            raise self._left_open
        return outgoing(self._offices, self._journal, self._decision, self._gate.ground.commit)

    def _package(self, recorded: Decision) -> None:
        """One package. What is wrong with it is no reason to leave the others alone."""
        space, problem = (0, 0), recorded.problem
        try:
            if recorded.doomed or recorded.untag:
                space, problem = self._attempt(recorded)
        except RegistryUnreachable as error:
            if not is_late(self._offices, self._journal):
                self._left_open = error
                return
            problem = str(error)
        except (AccessDenied, NotFound, RegistryRefused) as error:
            problem = str(error)
        least, most = space
        self._journal.write(
            Line(turn="done", package=recorded.package, reason=problem, least=least, most=most)
        )

    def _attempt(self, recorded: Decision) -> tuple[tuple[int, int], str]:
        """The bytes freed, at least and at most, and why not all was tried ("" for nothing)."""
        package = recorded.package
        deleted = deleted_digests(self._journal, package)
        view = View(
            self._offices,
            self._gate,
            package,
            deleted=sorted(deleted),
            also=orphans(self._decision, recorded, deleted),
            force_empty=self._force_empty,
        )
        self._guard(view)
        carrier = Carrier(self._offices, self._journal, view)
        untagger = Untagger(self._offices, self._journal, carrier)
        problem = ""
        try:
            untagger.finish([v for v in view.versions.values() if _is_dummy(view, v)])
            carrier.delete(recorded)
            untagger.untag(recorded.untag)
        except AccessDenied as error:
            problem = str(error)
        return package_space(self._offices, self._journal, view), problem

    def _guard(self, view: View) -> None:
        """Once: after a crash some of what must be there might not be there any more."""
        guarded = {line.package for line in self._journal.lines if line.turn == "guard"}
        if view.package not in guarded:
            names = critical_names(view, self._pinned)
            self._journal.write(Line(turn="guard", package=view.package, names=names))


def _is_dummy(view: View, version: Version) -> bool:
    node = view.nodes.get(version.digest)
    return node is not None and node.artifact_type == DUMMY
