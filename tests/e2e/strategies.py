"""The strategies that every fault is tried on: the same two services, replaced in other ways."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import web

__all__ = ["RECREATE", "STRATEGIES", "Strategy", "each_strategy"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One of them, as the keys that it takes in the file."""

    name: str
    keys: Mapping[str, object] = field(default_factory=dict)

    @property
    def seamless(self) -> bool:
        """Whether no request may be lost."""
        return self.name != "recreate"

    def web(
        self, image: ImageRef, port: int, *, stability: str = "200ms", **keys: object
    ) -> dict[str, object]:
        """A service that serves its version on a port of the host."""
        ports = [f"127.0.0.1:{port}:3000"]
        service = web(image, stability=stability, **{"ports": ports, **keys})
        extension = service["x-moorline"]
        assert isinstance(extension, dict)
        named = {"strategy": self.name} if self.name != "recreate" else {}
        return {**service, "x-moorline": {**extension, **named, **self.keys}}

    def services(
        self, image: ImageRef, port: int, *, stability: str = "200ms", **keys: object
    ) -> dict[str, object]:
        """That one, and another beside it that needs no port."""
        return {
            "web": self.web(image, port, stability=stability, **keys),
            "side": web(image, stability=stability, **keys),
        }


RECREATE = Strategy("recreate")
STEPS = [{"weight": 5, "for": "300ms"}, {"weight": 50, "for": "300ms"}]
STRATEGIES = (
    RECREATE,
    Strategy("rolling"),
    Strategy("blue-green"),
    Strategy("canary", {"canary": {"steps": STEPS}}),
)

each_strategy = pytest.mark.parametrize(
    "strategy", STRATEGIES, ids=[each.name for each in STRATEGIES]
)
