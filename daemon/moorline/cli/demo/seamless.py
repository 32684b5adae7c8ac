"""The second half of the story: the same changes with the strategy that nobody notices.

From the second step on a crowd asks without a pause, and not one of its requests may fail.
"""

from moorline.cli.demo.envfile import SEAMLESS, seamless
from moorline.cli.demo.stage import Stage
from moorline.cli.demo.telling import (
    commit_and_push,
    deployed,
    going_back,
    pin,
    rolled_back_in_git,
    silence,
    tell,
)
from moorline.core.image import ImageRef

__all__ = ["bad_version_unnoticed", "last_gap", "new_version_unnoticed"]


def last_gap(stage: Stage, version: int) -> None:
    """The port goes from the container to the ingress."""
    stage.step(
        "An ingress gets the port",
        "Blue-green: a new version starts beside the old one and gets the requests in one "
        "switch. For that an HAProxy owns the port. It is the last change with a gap.",
    )
    file = stage.world.work / stage.world.path
    file.write_text(seamless(file.read_text()))
    stage.screen.aside("added, below x-moorline:", SEAMLESS)
    push = commit_and_push(stage, "Let an ingress have the port of web")
    record = stage.record("proven", push.commit)
    stage.see(version)
    tell(stage, record)
    silence(stage, push, "the port changes hands")
    stage.screen.commit(record.written)


def new_version_unnoticed(stage: Stage, image: ImageRef, version: int) -> str:
    """A good version under load; returns its commit."""
    stage.step(
        "A new version that nobody notices",
        "Now visitors ask without a pause, each over a connection that it keeps.",
    )
    with stage.crowd():
        pin(stage, image)
        push = commit_and_push(stage, f"Deploy version {version} again")
        deployed(stage, push, version)
    return push.commit


def bad_version_unnoticed(stage: Stage, image: ImageRef, good: str, version: int) -> None:
    """A bad version under load, taken back to `version` of commit `good`."""
    stage.step(
        "A bad version that nobody notices",
        "Version 3 once more. It has to prove itself before it gets a single request.",
    )
    with stage.crowd():
        pin(stage, image)
        push = commit_and_push(stage, "Deploy version 3 again")
        record = stage.record("taken back", push.commit)
        stage.see(version)
        tell(stage, record)
        going_back(stage, record)
        rolled_back_in_git(stage, push, record, to=good)
