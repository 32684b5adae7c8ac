"""What goes wrong on purpose.

Most faults are an answer that stands in for the true one; the others change what happens:
`no-link` leaves the Link header out, `shift` deletes the newest versions once a page was served,
`arrive` pushes versions then, and `lag` hides what is pushed from the next readers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

SLOW_DOWN = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)

NAMED: Mapping[str, Mapping[str, Any]] = {
    "last-tagged": {
        "call": "delete",
        "status": 400,
        "message": "You cannot delete the last tagged version of a package. "
        "You must delete the package instead.",
    },
    "downloads": {
        "call": "delete",
        "status": 400,
        "message": "Publicly visible package versions with more than 5000 downloads cannot be "
        "deleted. Contact GitHub support for further assistance.",
    },
    "stale": {"call": "delete", "status": 404, "message": "Package version not found."},
    "denied": {"call": "delete", "status": 404, "message": "Package not found."},
    "secondary": {"status": 403, "message": SLOW_DOWN},
    "too-many": {"status": 429, "message": SLOW_DOWN},
    "server-error": {"status": 500, "message": "Server Error"},
    "break": {"status": 0},
    "lost": {"call": "manifest", "status": 404, "message": "MANIFEST_UNKNOWN", "times": None},
    "no-link": {"call": "list", "times": None},
    "shift": {"call": "list"},
    "arrive": {"call": "list"},
    "lag": {"call": "put"},
}
"""What each name stands for; anything of it may be said otherwise."""


@dataclass
class Fault:
    """One of them; where `call`, `package`, `digest` or `page` is empty, any is meant."""

    name: str
    call: str = ""
    """A kind of call, as the counters name it."""
    package: str = ""
    digest: str = ""
    page: int = 0
    status: int | None = None
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: int | None = None
    count: int = 1
    """How many versions shift or arrive; how many readers lag behind."""
    times: int | None = 1
    """How often; None is until it is taken away."""

    def fits(self, call: str, package: str, digest: str, page: int) -> bool:
        asked = ((self.call, call), (self.package, package), (self.digest, digest))
        return all(not mine or mine == theirs for mine, theirs in asked) and (
            not self.page or self.page == page
        )


class Faults:
    """Those that are armed."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, name: str, **said: Any) -> Fault:  # noqa: ANN401  (whatever JSON says)
        """Arm a named one. Raises ValueError for a name or a key that is not known."""
        known = {each.name for each in fields(Fault)}
        if name not in NAMED or not said.keys() <= known:
            raise ValueError(f"faults are {', '.join(NAMED)}; their keys {', '.join(known)}")
        fault = Fault(name, **{**NAMED[name], **said})
        if fault.retry_after is not None:
            fault.headers["retry-after"] = str(fault.retry_after)
        self.armed.append(fault)
        return fault

    def answer(
        self, call: str, *, package: str = "", digest: str = "", page: int = 0
    ) -> Fault | None:
        """The next answer that stands in for the true one."""
        return self._take(lambda each: each.status is not None, call, package, digest, page)

    def take(self, name: str, call: str, *, package: str = "", page: int = 0) -> Fault | None:
        """The next of this name."""
        return self._take(lambda each: each.name == name, call, package, "", page)

    def _take(
        self,
        wanted: Callable[[Fault], bool],
        call: str,
        package: str,
        digest: str,
        page: int,
    ) -> Fault | None:
        for fault in self.armed:
            if wanted(fault) and fault.fits(call, package, digest, page):
                self._spend(fault)
                return fault
        return None

    def _spend(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.armed.remove(fault)
