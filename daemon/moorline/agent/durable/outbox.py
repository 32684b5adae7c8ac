"""Records on their way into git: kept on the host until a push has taken them.

A record is first a durable file here, then a file on the history branch, and only then gone from
here. Pushing one twice adds nothing, so a crash between any two of these is harmless.
"""

from collections.abc import Mapping
from pathlib import Path

from moorline.adapters.staterepo_port import StateRepo
from moorline.adapters.storage import storage_errors, sync_folder, write_durably

__all__ = ["Outbox"]

BATCH = 200


class Outbox:
    """The queue of one environment's records."""

    def __init__(self, state_dir: Path, environment: str, host: str) -> None:
        self._folder = state_dir / "outbox" / environment
        self._branch = f"history/{environment}/{host}"

    def put(self, path: str, data: bytes, message: str) -> None:
        """Queue one record file; putting the same again changes nothing."""
        name = path.replace("/", "%")
        write_durably(self._folder / f"{name}.message", message.encode())
        # last: a record counts once this file is there
        write_durably(self._folder / name, data)

    def waiting(self) -> Mapping[str, bytes]:
        """Path on the branch → bytes, oldest first."""
        with storage_errors(self._folder):
            if not self._folder.is_dir():
                return {}
            names = sorted(each.name for each in self._folder.iterdir())
            return {
                name.replace("%", "/"): (self._folder / name).read_bytes()
                for name in names
                if name.endswith(".yaml") and not name.startswith(".")
            }

    def flush(self, repo: StateRepo) -> int:
        """Push what waits, in one commit; returns how many records that were. Raises as
        `StateRepo.append` does, and then keeps everything.
        """
        waiting = dict(list(self.waiting().items())[:BATCH])
        if not waiting:
            return 0
        repo.append(self._branch, waiting, message=self._message(tuple(waiting)))
        with storage_errors(self._folder):
            for path in waiting:
                name = path.replace("/", "%")
                (self._folder / name).unlink(missing_ok=True)
                (self._folder / f"{name}.message").unlink(missing_ok=True)
            sync_folder(self._folder)
        return len(waiting)

    def _message(self, paths: tuple[str, ...]) -> str:
        """The newest deployment's own message; several at once are counted in its title.

        Backups go unmentioned beside the deployment that they were taken for.
        """
        deployments = [path for path in paths if not path.startswith("backups/")] or paths
        name = f"{deployments[-1].replace('/', '%')}.message"
        message = (self._folder / name).read_text()
        if len(deployments) == 1:
            return message
        title, _, rest = message.partition("\n")
        return f"{title} (and {len(deployments) - 1} more)\n{rest}"
