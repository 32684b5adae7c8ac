"""What a rollout has to remember between two cycles, and what it wants on record.

The steps that last longer than a cycle (canaries) or that must not be forgotten (jobs) tell it to
`Notes`. A rollout keeps them in its journal; a convergence towards what is proven already has
neither canaries nor jobs, and `NoNotes`.
"""

from typing import Protocol

from moorline.core.values import JsonObject

__all__ = ["NoNotes", "Notes"]


class Notes(Protocol):
    """The notes of one rollout. Durable when a method returns; called from several threads."""

    @property
    def deployment(self) -> str:
        """The rollout's id."""
        ...

    def canary(self, service: str) -> JsonObject:
        """How far the canary of `service` came, as it was saved; empty before its first step."""
        ...

    def save_canary(self, service: str, progress: JsonObject) -> None:
        """Keep how far the canary of `service` came."""
        ...

    def forward_only(self, service: str, job: str) -> None:
        """A job is about to run that an image rollback cannot undo."""
        ...

    def job(self, service: str, evidence: JsonObject) -> None:
        """A job has ended; in place of what was noted of the job with this `evidence["job"]`."""
        ...


class NoNotes:
    """See `Notes`: nothing to remember."""

    deployment = ""

    def canary(self, service: str) -> JsonObject:  # noqa: ARG002
        return {}

    def save_canary(self, service: str, progress: JsonObject) -> None:
        """There is no canary."""

    def forward_only(self, service: str, job: str) -> None:
        """There are no jobs."""

    def job(self, service: str, evidence: JsonObject) -> None:
        """There are no jobs."""
