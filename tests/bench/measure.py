"""Times, medians and ratios. Two things that are compared are measured in turn, in one run."""

import http.client
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Fact", "Row", "alternate", "pause_until", "serving", "spread", "stopwatch"]

SMALL = 0.1
"""A ratio below this is told with more digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Seconds; `goal` is the largest ratio that we answer for."""

    what: str
    ours: Sequence[float]
    against: str
    theirs: Sequence[float]
    goal: float

    @property
    def ratio(self) -> float:
        """Median by median."""
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def cells(self) -> tuple[str, ...]:
        return (
            self.what,
            spread(self.ours),
            self.against,
            spread(self.theirs),
            f"{self.ratio:.2f}" if self.ratio >= SMALL else f"{self.ratio:.4f}",
            f"≤ {self.goal:g}" + ("" if self.ratio <= self.goal else ": **not met**"),
        )


@dataclass(frozen=True, slots=True)
class Fact:
    """One plain figure, with nothing to compare it to; `met` tells whether it is as promised."""

    what: str
    measured: str
    goal: str
    met: bool

    def cells(self) -> tuple[str, ...]:
        return (self.what, self.measured, self.goal if self.met else f"{self.goal}: **not met**")


def spread(values: Sequence[float]) -> str:
    """Median, and the least and the most in brackets, in milliseconds."""
    median, least, most = (1000 * f(values) for f in (statistics.median, min, max))
    return f"{median:.0f} ({least:.0f}-{most:.0f}) ms"


def stopwatch(work: Callable[[], object]) -> float:
    """Seconds that `work` took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def alternate(
    runs: int, ours: Callable[[int], float], theirs: Callable[[int], float]
) -> tuple[list[float], list[float]]:
    """A B A B …, so that a machine that slows down slows both."""
    pairs = [(ours(run), theirs(run)) for run in range(runs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def serving(port: int, path: str, expected: str, *, host: str = "127.0.0.1") -> bool:
    """Whether a GET answers 200 with `expected` in the body."""
    # short: a connection begun while the container has no address yet is answered by nobody, and
    # waiting for the kernel's second attempt would measure that
    connection = http.client.HTTPConnection(host, port, timeout=0.05)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and expected in answer.read().decode()
    except (OSError, http.client.HTTPException):
        return False  # nobody there, or gone in the middle of an answer
    finally:
        connection.close()


def pause_until(
    condition: Callable[[], object], *, within: float = 120, every: float = 0.002
) -> None:
    """Return as soon as `condition` holds, looking every two milliseconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:.0f} s")
        time.sleep(every)
