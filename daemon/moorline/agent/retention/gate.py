"""Asked before each deletion: does anything speak against it that did not when it was planned?"""

from moorline.agent.retention.ground import Ground, read_ground
from moorline.agent.retention.offices import Offices
from moorline.errors import AccessDenied, NotFound, UnsafeRetention

__all__ = ["Gate"]

LOOK = 30.0
"""Seconds between two looks at the state branch."""
ANEW = 600.0
"""Seconds after which containers and records are looked at again, whatever the branch says."""


class Gate:
    """`ground` is always the newest that was read."""

    def __init__(self, offices: Offices, ground: Ground) -> None:
        self.ground = ground
        self._offices = offices
        self._looked = self._read = offices.clock.monotonic()

    def has_moved(self) -> bool:
        """Look, at most every so often; True where the ground is a new one since the last call.

        Raises Interrupted when told to stop, and whatever keeps pins from being known: then
        nothing more is deleted.
        """
        self._offices.check_stop()
        now = self._offices.clock.monotonic()
        if now - self._looked < LOOK:
            return False
        self._looked = now
        try:
            return self._look(now)
        except (AccessDenied, NotFound) as error:
            # of git, not of a package: what is asked for cannot be known
            raise UnsafeRetention(f"the state repo cannot be read: {error}") from None

    def _look(self, now: float) -> bool:
        if self._offices.repo.fetch() == self.ground.commit and now - self._read < ANEW:
            return False
        self.ground = read_ground(self._offices)
        self._read = now
        return True
