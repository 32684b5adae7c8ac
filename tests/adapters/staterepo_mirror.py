"""A host's mirror of a remote, for tests of git alone."""

from pathlib import Path

from moorline.adapters.staterepo import GitStateRepo
from moorline.adapters.staterepo_port import FileChange, StateRepo
from tests.parts.git import Remote


def mirror(folder: Path, remote: Remote) -> GitStateRepo:
    return GitStateRepo(
        folder / "mirror.git",
        url=remote.url,
        branch="main",
        host="web-1",
        committer_email="moorline@web-1",
    )


def changes(repo: StateRepo) -> list[FileChange]:
    return list(repo.changes(repo.fetch(), "environments"))
