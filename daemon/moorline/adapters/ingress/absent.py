"""The ingress of a host that has none: nothing is routed, and whoever asks is told what to do."""

from collections.abc import Mapping
from typing import NoReturn

from moorline.adapters.ingress_port import TrackStats
from moorline.core.traffic import Route, Track
from moorline.errors import Stalled

__all__ = ["NoIngress"]


class NoIngress:
    """Stands in where the configuration has no `[ingress]`."""

    def observe(self, environment: str) -> None:
        """There are no routes to see."""

    def listen(self, route: Route, track: Track) -> None:  # noqa: ARG002
        self._refuse(route.environment, route.service)

    def unlisten(self, environment: str, service: str) -> None:
        """There is none to let go of."""

    def enter(
        self,
        environment: str,
        service: str,
        track: Track,  # noqa: ARG002
        *,
        container: str,  # noqa: ARG002
        address: str,  # noqa: ARG002
    ) -> None:
        self._refuse(environment, service)

    def drain(self, environment: str, service: str, container: str) -> None:
        """It has no requests."""

    def sessions(self, environment: str, service: str, container: str) -> int:  # noqa: ARG002
        return 0

    def leave(self, environment: str, service: str, container: str) -> None:
        """It is nowhere."""

    def shift(self, environment: str, service: str, share: int) -> None:  # noqa: ARG002
        self._refuse(environment, service)

    def stats(self, environment: str, service: str) -> Mapping[Track, TrackStats]:
        self._refuse(environment, service)

    def close(self) -> None:
        """Nothing is open."""

    def _refuse(self, environment: str, service: str) -> NoReturn:
        raise Stalled(
            f"{environment}/{service}: its strategy needs an ingress, and this host has none",
            mend="configure [ingress] in the agent's configuration, or write strategy: recreate",
        )
