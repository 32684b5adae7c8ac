"""The story in five steps and a look back. A step that does not happen ends it."""

import time
from collections.abc import Mapping, Sequence

from moorline.cli.demo.envfile import HURRY, adapted
from moorline.cli.demo.failures import StepFailed
from moorline.cli.demo.person import Person
from moorline.cli.demo.processes import run
from moorline.cli.demo.stage import Push, Stage
from moorline.cli.demo.witness import Record
from moorline.cli.demo.world import ENVIRONMENT, SERVICE, World
from moorline.core.image import ImageRef
from moorline.errors import MoorlineError

__all__ = ["act", "prepare"]

CONTAINER = f"{ENVIRONMENT}-{SERVICE}-1"
FIRST, SECOND, BAD = 1, 2, 3


def prepare(world: World) -> None:
    """What a team does once: a state repo from the template, pushed; a host that follows it."""
    outside = Person(world.folder, world.env)
    outside.type("git", "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    outside.type("moorline", "init", "state")
    person = world.person
    person.type("git", "init", "--quiet", "--initial-branch=main")
    person.type("git", "remote", "add", "origin", "../remote.git")
    person.type("git", "add", "--all")
    person.type("git", "commit", "--quiet", "--message", "A state repo from the template")
    person.type("git", "push", "--quiet", "--set-upstream", "origin", "main")
    world.start_daemon()


def act(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    """Play it; raises StepFailed, naming the step."""
    for tell in (_first_deployment, _new_version, _bad_version, _revert, _drift, _look_back):
        try:
            tell(stage, images)
        except MoorlineError as error:
            number, title = len(stage.steps), stage.steps[-1].title
            raise StepFailed(
                f"step {number} did not happen ({title}): {error.message}", mend=error.mend
            ) from error


# --- the steps ----------------------------------------------------------------------------------


def _first_deployment(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    stage.step(
        "First deployment",
        "An environment is one file: a plain Compose file, with every image pinned by digest. "
        "Push it, and the daemon on the host makes it run.",
    )
    path, world = stage.world.path, stage.world
    stage.type("cp", "environments/production.yaml", path)
    file = world.work / path
    file.write_text(adapted(file.read_text(), world.port))
    stage.screen.aside(
        f"edited: its name, its port {world.port}, and a hurry that only a demo is in:", HURRY
    )
    _pin(stage, images[FIRST])
    stage.type("git", "add", path)
    push = _commit_and_push(stage, "Deploy version 1")
    _deployed(stage, push, FIRST)


def _new_version(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    stage.step("A new version", "One line changes: the pin. The old container stays until then.")
    _pin(stage, images[SECOND])
    push = _commit_and_push(stage, "Deploy version 2")
    _deployed(stage, push, SECOND)


def _bad_version(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    stage.step(
        "A bad version takes itself back",
        "Version 3 has a mistake: its health page moved to /healthz. Now nobody does anything.",
    )
    _pin(stage, images[BAD])
    push = _commit_and_push(stage, "Deploy version 3")
    record = stage.record("taken back", push.commit)
    stage.see(SECOND)
    _tell(stage, record)
    stage.screen.quote("the last thing that version 3 said:", record.logs[-1:])
    _restored(stage, push, record)
    _rolled_back_in_git(stage, push, record)


def _revert(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    del images
    stage.step(
        "A person goes back further",
        "Version 2 is healthy, yet not what was wanted? A commit deployed it, so undo that.",
    )
    second = stage.steps[1].commit
    stage.type("git", "pull", "--quiet")
    stage.type("git", "revert", "--no-edit", second[:7])
    push = stage.push()
    _deployed(stage, push, FIRST)


def _drift(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    del images
    stage.step(
        "Somebody removes the container",
        "No commit this time: the host differs from the file, and the file is right.",
    )
    commit = stage.steps[-2].commit
    began = time.monotonic()
    stage.type("docker", "rm", "-f", CONTAINER)
    record = stage.record("repaired", commit)
    stage.see(FIRST)
    stage.wait(lambda: _is_back(stage.world), f"{CONTAINER} is back under its name")
    _tell(stage, record)
    stage.measured(
        "restored",
        "the page says version 1 again",
        stage.visitor.settled(after=began),
        "after the rm",
    )
    stage.screen.commit(record.written)


def _look_back(stage: Stage, images: Mapping[int, ImageRef]) -> None:
    del images
    stage.step("Look back", "What happened is in git, for as long as the repository lives.")
    stage.type("git", "pull", "--quiet")
    for words in (
        ("git", "log", "--format=%h %an: %s"),
        ("moorline", "history", ENVIRONMENT),
        ("moorline", "status", ENVIRONMENT),
    ):
        stage.screen.gap()
        stage.screen.printed(stage.type(*words), cut=True)


# --- what steps are made of ---------------------------------------------------------------------


def _pin(stage: Stage, image: ImageRef) -> None:
    stage.screen.printed(stage.type("moorline", "pin", ENVIRONMENT, SERVICE, str(image)))


def _commit_and_push(stage: Stage, message: str) -> Push:
    stage.type("git", "commit", "-am", message)
    return stage.push()


def _deployed(stage: Stage, push: Push, version: int) -> None:
    """A version is running, proven and on record; all three are looked at."""
    stage.see(version)
    serving = stage.visitor.settled(after=push.at)
    record = stage.record("proven", push.commit)
    proven = time.monotonic() - push.at
    _tell(stage, record)
    stage.measured("serving", f"the page says version {version}", serving, "after the push")
    if len(stage.steps) > 1:
        _silence(stage, push)
    stage.measured(
        "proven", "it is proven healthy, and that is on record", proven, "after the push"
    )
    stage.screen.commit(record.written)


def _silence(stage: Stage, push: Push) -> None:
    """Recreating is not seamless; a demo that hid it would be found out."""
    silent = stage.visitor.silent(after=push.at)
    stage.measured("silent", "of that without an answer: one stops, one starts", silent)


def _restored(stage: Stage, push: Push, record: Record) -> None:
    stage.measured(
        "restored",
        "the page says version 2 again",
        stage.visitor.settled(after=push.at),
        "after the push",
    )
    verdict = record.timings["restored"] - record.timings["verdict"]
    stage.measured("going_back", "of that to go back, once the verdict was in", verdict)


def _rolled_back_in_git(stage: Stage, push: Push, record: Record) -> None:
    """The newest commit on main takes the bad one back, and restores the file as it was."""
    witness, path = stage.world.witness, stage.world.path
    second = stage.steps[1].commit
    newest = witness.commit("main")
    stage.require(
        "the newest commit on main is the rollback, to the file of version 2",
        holds=newest.sha == record.rollback_commit
        and witness.trailer(newest.sha, "Rollback-Of") == push.commit
        and witness.blob(newest.sha, path) == witness.blob(second, path),
    )
    stage.screen.commit(newest)
    stage.screen.commit(record.written)


def _tell(stage: Stage, record: Record) -> None:
    """The daemon's own words."""
    stage.screen.heading("moorline, in the words of its record")
    stage.screen.plan(_carried_out(record))
    stage.screen.sentence(record.sentence)


def _is_back(world: World) -> bool:
    words = ("docker", "ps", "--filter", f"name=^/{CONTAINER}$", "--format", "{{.Names}}")
    return run(words, env=world.env).strip() == CONTAINER


def _carried_out(record: Record) -> Sequence[Mapping[str, str]]:
    """The plan, as far as it got: this version failed where it was to prove itself."""
    if record.outcome != "taken back":
        return record.plan
    verdict = [step["do"] for step in record.plan].index("prove")
    return record.plan[: verdict + 1]
