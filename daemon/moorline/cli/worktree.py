"""Environment files in a work tree: where they are, and what they may name."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from moorline.errors import NotFound, StorageFailed, UsageError

__all__ = ["WorkTree", "read_plain_file", "work_tree_of"]

LIMIT = 1 << 20
FOLDER = "environments"


def read_plain_file(path: Path) -> bytes:
    """A regular file, and a little more than is allowed of one that is too large.

    A symbolic link is refused as it is in the state repo: what it leads to is not reviewed.
    """
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise UsageError(f"{path} is a symbolic link", mend="put the file itself there")
        if not stat.S_ISREG(mode):
            raise UsageError(f"{path} is not a file", mend="name a .yaml file")
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except FileNotFoundError:
        mend = "run this at the root of the state repo, or give the file's path"
        raise NotFound(f"{path} does not exist", mend=mend) from None
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}", mend="make it readable") from None


@dataclass(frozen=True, slots=True)
class WorkTree(Mapping[str, bytes]):
    """What an environment file may name: files below `root`, and any file of any host.

    A path on the host is taken as there and empty: this may not be the host that has it.
    """

    root: Path

    def __getitem__(self, path: str) -> bytes:
        if path.startswith("/"):
            return b""
        try:
            return read_plain_file(self.root / path)
        except (NotFound, UsageError):
            raise KeyError(path) from None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("looked up by name only")

    def __len__(self) -> int:
        raise TypeError("looked up by name only")


def work_tree_of(path: Path) -> Path:
    """The root of the state repo that an environment file is in."""
    folder = path.absolute().parent
    for above in (folder, *folder.parents):
        if (above / ".git").exists():
            return above
    return folder.parent if folder.name == FOLDER else folder
