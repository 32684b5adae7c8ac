"""What the steps of the story are made of: pin, push, and look whether it came true."""

import time
from collections.abc import Mapping, Sequence

from moorline.cli.demo.stage import Push, Stage
from moorline.cli.demo.witness import Record
from moorline.cli.demo.world import ENVIRONMENT, SERVICE
from moorline.core.image import ImageRef

__all__ = [
    "commit_and_push",
    "deployed",
    "going_back",
    "pin",
    "restored",
    "rolled_back_in_git",
    "silence",
    "tell",
]

_JUDGES = ("gate", "prove")
"""Verbs of a plan at which a version may fail."""


def pin(stage: Stage, image: ImageRef) -> None:
    """Write a version's digest into the file."""
    stage.screen.printed(stage.type("moorline", "pin", ENVIRONMENT, SERVICE, str(image)))


def commit_and_push(stage: Stage, message: str) -> Push:
    """Ask for what the file says now."""
    stage.type("git", "commit", "-am", message)
    return stage.push()


def deployed(stage: Stage, push: Push, version: int) -> Record:
    """A version is running, proven and on record; all three are looked at."""
    stage.see(version)
    serving = stage.visitor.settled(after=push.at)
    record = stage.record("proven", push.commit)
    proven = time.monotonic() - push.at
    tell(stage, record)
    stage.measured("serving", f"the page says version {version}", serving, "after the push")
    stage.measured(
        "proven", "it is proven healthy, and that is on record", proven, "after the push"
    )
    stage.screen.commit(record.written)
    return record


def silence(stage: Stage, push: Push, why: str = "one stops, one starts") -> None:
    """Not every change is seamless; a demo that hid it would be found out."""
    silent = stage.visitor.silent(after=push.at)
    stage.measured("silent", f"of that without an answer: {why}", silent)


def restored(stage: Stage, push: Push, record: Record, version: int) -> None:
    """How long going back took."""
    stage.measured(
        "restored",
        f"the page says version {version} again",
        stage.visitor.settled(after=push.at),
        "after the push",
    )
    going_back(stage, record)


def going_back(stage: Stage, record: Record) -> None:
    """How much of it came after the verdict."""
    seconds = record.timings["restored"] - record.timings["verdict"]
    stage.measured("going_back", "of that to go back, once the verdict was in", seconds)


def rolled_back_in_git(stage: Stage, push: Push, record: Record, *, to: str) -> None:
    """The newest commit on main takes the bad one back, and restores the file as it was."""
    witness, path = stage.world.witness, stage.world.path
    newest = witness.commit("main")
    stage.require(
        "the newest commit on main is the rollback, to the file of version 2",
        holds=newest.sha == record.rollback_commit
        and witness.trailer(newest.sha, "Rollback-Of") == push.commit
        and witness.blob(newest.sha, path) == witness.blob(to, path),
    )
    stage.screen.commit(newest)
    stage.screen.commit(record.written)


def tell(stage: Stage, record: Record) -> None:
    """The daemon's own words."""
    stage.screen.heading("moorline, in the words of its record")
    stage.screen.plan(_carried_out(record))
    stage.screen.sentence(record.sentence)


def _carried_out(record: Record) -> Sequence[Mapping[str, str]]:
    """The plan, as far as it got: this version failed where it was to prove itself."""
    if record.outcome != "taken back":
        return record.plan
    verdict = next(n for n, step in enumerate(record.plan) if step["do"] in _JUDGES)
    return record.plan[: verdict + 1]
