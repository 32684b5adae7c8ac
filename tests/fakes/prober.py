"""A prober with scripted results; it and the real one pass the same contract test."""

from moorline.adapters.ports import ProbeResult

__all__ = ["FakeProber"]


class FakeProber:
    """See the port `Prober`. Where nothing was scripted, nothing listens."""

    def __init__(self) -> None:
        self.probed: list[str] = []
        self._script: dict[str, list[ProbeResult]] = {}

    def answer(self, target: str, *statuses: int) -> None:
        """Let a URL answer with these HTTP statuses in turn, the last one for ever."""
        self._script[target] = [
            ProbeResult(ok=200 <= status < 400, detail=str(status)) for status in statuses
        ]

    def listen(self, address: str) -> None:
        """Let an address accept connections."""
        self._script[address] = [ProbeResult(ok=True, detail="connected")]

    def hang(self, target: str) -> None:
        """Let a URL never answer."""
        self._script[target] = [ProbeResult(ok=False, detail="timed out")]

    def http(self, url: str, *, timeout: float) -> ProbeResult:
        assert timeout > 0
        return self._next(url)

    def tcp(self, address: str, *, timeout: float) -> ProbeResult:
        assert timeout > 0
        return self._next(address)

    def _next(self, target: str) -> ProbeResult:
        self.probed.append(target)
        script = self._script.get(target)
        if not script:
            return ProbeResult(ok=False, detail="Connection refused")
        return script.pop(0) if len(script) > 1 else script[0]
