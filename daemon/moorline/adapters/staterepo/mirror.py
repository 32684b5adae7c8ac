"""The bare mirror on this host: made, fetched into, kept whole.

Nothing in it is precious: every ref is the remote's as of the last fetch or push, so a mirror
that lost something is thrown away for a new one.
"""

import os
import re
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from moorline.adapters.staterepo.commands import Commands, contended
from moorline.adapters.staterepo.failures import MirrorDamaged
from moorline.adapters.staterepo.lock import storage
from moorline.adapters.staterepo.words import is_sha
from moorline.errors import MoorlineError, NotFound, Stalled, StorageFailed

__all__ = ["TRACKING", "Mirror"]

TRACKING = "refs/remotes/origin"
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "origin",
)
# The first fetch brings the whole history; it may take this many times as long as any other.
_FIRST = 10
# Every commit of ours leaves loose objects, every fetch a small pack. One of 256 folders is
# sampled: 8 loose objects there are some 2,000 in all.
_LOOSE_LIMIT = 8
_PACK_LIMIT = 50
_LEFTOVERS = (
    "**/*.lock",
    "objects/**/tmp_*",
    "objects/pack/*.keep",
    "refs/out/*",
    "fast_import_*",
)
_SIBLING = re.compile(r"(?:new|old)-[0-9a-f]{32}", re.ASCII)
_SHALLOW = "shallow roots are not allowed to be updated"
# Names the URL that a mirror is of.
_URL_FILE = "moorline-url"


class Mirror:
    """One bare repository with the remote's branches under refs/remotes/origin."""

    def __init__(self, path: Path, commands: Commands, branch: str) -> None:
        self.path = path
        self.git = commands
        self.generation = 0
        """How many mirrors were thrown away for a new one."""
        self._branch = branch
        self._prepared = False
        # whoever makes or mends: another thread would take its work for a dead one's leftovers
        self._mending = threading.RLock()

    # --- refs ---

    def ref(self, branch: str) -> str | None:
        """The remote's branch as of the last fetch or push, read without starting git."""
        self.prepare()
        name = f"{TRACKING}/{branch}"
        try:
            sha = (self.path / name).read_text("ascii", "replace").strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return self._packed_ref(name)
        if not is_sha(sha):
            raise MirrorDamaged(f"{self.path / name} holds no commit")
        return sha

    def _packed_ref(self, name: str) -> str | None:
        try:
            lines = (self.path / "packed-refs").read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return None
        rows = (line.partition(" ") for line in lines)
        return next((sha for sha, _, ref in rows if ref == name and is_sha(sha)), None)

    def drop(self, ref: str) -> None:
        """Forget a ref of our own; nobody else knows its name, so git's locks are not needed."""
        _remove(self.path / ref)

    # --- fetching ---

    def fetch(self) -> str:
        """Bring every ref up to date; returns the branch's tip."""
        before, limit = self.ref(self._branch), self.git.timeout
        if before is None:
            # so that a silent remote is found out within the ordinary limit
            self.git.network(self.path, "ls-remote", "--quiet", "origin", "HEAD")
            limit *= _FIRST
        contended(lambda number: self._fetch_again(number, limit))
        tip = self.ref(self._branch)
        if tip is None:
            raise MirrorDamaged(f"{self.path} lost the branch {self._branch} it had just fetched")
        if tip == before:
            # there is nothing to deploy, so there is time
            self.tidy()
        return tip

    def fetch_branch(self, branch: str) -> None:
        """Bring one branch that is not followed otherwise."""
        refspec = f"+refs/heads/{branch}:{TRACKING}/{branch}"
        self.git.network(self.path, *_FETCH, refspec)

    def _fetch_again(self, number: int, limit: float) -> None:
        if number > 1:
            self.sweep()
        self._fetch_into(self.path, limit)

    def _fetch_into(self, git_dir: Path, limit: float) -> None:
        try:
            done = self.git.network(git_dir, *_FETCH, limit=limit)
        except NotFound as missing:
            if "remote ref" not in missing.message:
                raise
            raise NotFound(
                f"{self.git.remote} has no branch {self._branch}: empty, or the branch is gone",
                mend="push a first commit to it, or correct [repo] branch",
            ) from None
        if _SHALLOW in done.err:
            # git leaves such a branch where it was, and calls that a success
            raise Stalled(
                f"{self.git.remote} has only a part of its history (a shallow clone)",
                mend="run git fetch --unshallow there, or correct [repo] url",
            )

    # --- making and mending ---

    def prepare(self) -> None:
        """Make the mirror if there is none for this URL, and clear up what the dead left."""
        if self._prepared:
            return
        with self._mending, storage(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.sweep()
            self._make_room()
            if not self._exists():
                self._create()
            self._prepared = True

    def sweep(self) -> None:
        """Remove locks and temporary files, if no git is alive that could own them."""
        with self._mending, self.git.lock.alone(patience=0) as alone:
            if not alone:
                return
            for pattern in _LEFTOVERS:
                for leftover in list(self.path.glob(pattern)):
                    _remove(leftover)
            for sibling in list(self.path.parent.glob(f"{self.path.name}.*")):
                if _SIBLING.fullmatch(sibling.suffix[1:]):
                    _remove(sibling)

    def renew(self, seen: int) -> None:
        """Replace a mirror that lost something by a fresh one, unless that was done since the
        generation `seen`.
        """
        with self._mending:
            if self.generation == seen:
                self._renew()
                self.generation += 1

    def _renew(self) -> None:
        """Make it beside the old one: what is there may still be good for reading."""
        with storage(self.path):
            fresh = self._fresh()
        try:
            self._fetch_into(fresh, self.git.timeout * _FIRST)
        except MirrorDamaged as damaged:
            _remove(fresh)
            raise Stalled(
                f"{self.git.remote} is damaged: {damaged.message}", mend="run git fsck there"
            ) from None
        except MoorlineError:
            _remove(fresh)
            raise
        with storage(self.path), self.git.lock.alone(patience=self.git.timeout):
            self._set_aside()
            fresh.rename(self.path)

    def tidy(self) -> None:
        """Pack once objects pile up. Housekeeping: what fails here fails no caller."""
        loose = len(list(self.path.glob("objects/17/*")))
        packs = len(list(self.path.glob("objects/pack/*.pack")))
        if loose < _LOOSE_LIMIT and packs < _PACK_LIMIT:
            return
        with suppress(MoorlineError):
            self.git.local(self.path, "repack", "--quiet", "--geometric=2", "-d")
            self.git.local(self.path, "commit-graph", "write", "--reachable", "--changed-paths")

    def _exists(self) -> bool:
        return (self.path / _URL_FILE).exists()

    def _make_room(self) -> None:
        """Take another URL's mirror away: its history must not be mixed into this one's."""
        if self._exists():
            if (self.path / _URL_FILE).read_text() != self.git.remote.text:
                self._set_aside()
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise StorageFailed(
                f"{self.path} exists and is no mirror of moorline's",
                mend="move it away, or choose another state directory",
            )

    def _create(self) -> None:
        fresh = self._fresh()
        try:
            fresh.rename(self.path)
        except OSError:
            _remove(fresh)
            # another process may have been faster, with the same result
            if not self._exists():
                raise

    def _fresh(self) -> Path:
        fresh = self._sibling("new")
        self.git.local(fresh, "init", "--quiet", "--bare", "--template=", "--initial-branch=_none")
        with (fresh / _URL_FILE).open("w") as file:
            file.write(self.git.remote.text)
            file.flush()
            # the mirror is known by this file, also after a power failure
            os.fsync(file.fileno())
        return fresh

    def _set_aside(self) -> None:
        if self.path.exists():
            old = self._sibling("old")
            self.path.rename(old)
            _remove(old)

    def _sibling(self, kind: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{kind}-{uuid4().hex}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
