"""A metrics server with scripted results; it and the real one pass the same contract test."""

from moorline.adapters.metrics_port import Measurement

__all__ = ["FakeMetrics"]


class FakeMetrics:
    """See the port `Metrics`. A query that was not scripted has no data."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._answers: dict[str, Measurement] = {}

    def answer(self, query: str, *values: float) -> None:
        """Let a query give these numbers."""
        self._answers[query] = Measurement(value=max(values))

    def fail(self, query: str, trouble: str) -> None:
        """Let a query give no number."""
        self._answers[query] = Measurement(trouble=trouble)

    def query(self, text: str) -> Measurement:
        self.asked.append(text)
        nothing = Measurement(trouble="prometheus: the query has no data")
        return self._answers.get(text, nothing)

    def close(self) -> None:
        """Nothing is open."""
