"""What the readers of one file share: its name, what surrounds it, and what it declares."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorline.core.compose.interpolation import Variables
from moorline.core.compose.reader import Value
from moorline.core.compose.scalars import filled
from moorline.core.model import FileSource, Network, Volume

__all__ = ["Allowance", "Context"]

# A port range costs few bytes and becomes thousands of bindings; a file can be named often.
_MAX_PORTS = 65_536
_MAX_ENV_BYTES = 256 * 1024


class Allowance:
    """How much more of something one file may ask for."""

    def __init__(self, amount: int) -> None:
        self._left = amount

    def take(self, amount: int) -> bool:
        """Take so much; False where it is more than is left."""
        self._left -= amount
        return self._left >= 0


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of a service while it is read."""

    environment: str
    folder: tuple[str, ...]
    """Where the file stands in the repository: relative paths start here."""
    variables: Variables
    files: Mapping[str, bytes]
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    secrets: Mapping[str, FileSource] = field(default_factory=dict)
    configs: Mapping[str, FileSource] = field(default_factory=dict)
    ports: Allowance = field(default_factory=lambda: Allowance(_MAX_PORTS))
    env_bytes: Allowance = field(default_factory=lambda: Allowance(_MAX_ENV_BYTES))

    def resolve(self, value: Value) -> str | None:
        """Return a path within the repository, or an absolute one on the host; None if neither."""
        return self.resolve_text(value, filled(value))

    def resolve_text(self, value: Value, path: str) -> str | None:
        """Resolve a path that is only a part of a value."""
        if path.startswith("/"):
            return path
        if path.startswith("~"):
            value.fail("'~' is nobody's home here; write an absolute path")
            return None
        if not path:
            return None
        parts = list(self.folder)
        for part in path.split("/"):
            if part == ".." and not parts:
                value.fail("leads out of the repository")
                return None
            if part == "..":
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)

    @staticmethod
    def is_host(path: str) -> bool:
        """Whether a resolved path is one on the host."""
        return path.startswith("/")

    def place_of(self, path: str) -> str:
        """Say where a resolved path was looked for."""
        return "on the host" if self.is_host(path) else "in the repository"
