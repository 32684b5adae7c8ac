"""From one configuration to the next, without a lost request and with a way back."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from moorline.adapters.ingress import files
from moorline.adapters.ingress.keeper import Keeper
from moorline.adapters.ingress.model import Environments
from moorline.adapters.ingress.render import Layout, render, share_map
from moorline.adapters.ingress.runtime import Runtime
from moorline.errors import EngineRefused, IngressUnreachable, MoorlineError

__all__ = ["Swap"]

_STEP = 0.02


class Swap:
    """Writes the files, has them checked, and has HAProxy take them."""

    def __init__(
        self,
        runtime: Runtime,
        layout: Layout,
        config: Path,
        keeper: Keeper | None,
        *,
        patience: float,
    ) -> None:
        self._runtime = runtime
        self._layout = layout
        self._config = config
        self._keeper = keeper
        self._patience = patience

    def write(self, environments: Environments) -> None:
        """What a HAProxy that starts now does. The map first: the file names it."""
        files.make_folder(self._layout.folder)
        files.write(self._layout.shares, share_map(environments).encode())
        files.write(self._config, render(environments, self._layout).encode())

    def check(self, environments: Environments) -> None:
        """Raise EngineRefused if HAProxy would not start with these."""
        if self._keeper is None:
            raise EngineRefused("whoever only looks cannot have the ingress listen")
        candidate = self._config.with_name(f"{self._config.name}.new")
        files.write(candidate, render(environments, self._layout).encode())
        complaint = self._keeper.check(candidate)
        files.remove(candidate)
        if complaint:
            raise EngineRefused(f"HAProxy refuses the configuration: {complaint}")

    def reload(self, done: Callable[[], bool]) -> None:
        """Have HAProxy take the file that is there; returns when `done` says that it did.

        Raises EngineRefused where it goes on with the one before.
        """
        self._runtime.reload()
        end = time.monotonic() + self._patience
        while not _answered(done):
            if time.monotonic() > end:
                self._runtime.pid()
                raise EngineRefused(f"HAProxy did not reload within {self._patience:g} s")
            time.sleep(_STEP)

    def recover(self) -> None:
        """Have HAProxy take the file that it had before one that it could not take: its master
        waits for that. It is not our business if it cannot.
        """
        with suppress(MoorlineError):
            before = self._runtime.pid()
            self.reload(lambda: self._runtime.pid() != before)

    def await_answer(self) -> None:
        """Wait until HAProxy, just started, answers."""
        end = time.monotonic() + self._patience
        while True:
            try:
                self._runtime.pid()
            except IngressUnreachable:
                if time.monotonic() > end:
                    raise
                time.sleep(_STEP)
            else:
                return


def _answered(done: Callable[[], bool]) -> bool:
    """For a moment nobody answers: the worker before has let go of the socket."""
    try:
        return done()
    except IngressUnreachable:
        return False
