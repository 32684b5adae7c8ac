"""The story: with a gap, without one, and a look back. A step that does not happen ends it."""

import time
from collections.abc import Mapping

from moorline.cli.demo.envfile import HURRY, adapted
from moorline.cli.demo.failures import StepFailed
from moorline.cli.demo.person import Person
from moorline.cli.demo.processes import run
from moorline.cli.demo.seamless import bad_version_unnoticed, last_gap, new_version_unnoticed
from moorline.cli.demo.stage import Stage
from moorline.cli.demo.telling import (
    commit_and_push,
    deployed,
    pin,
    restored,
    rolled_back_in_git,
    silence,
    tell,
)
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
    try:
        _first_deployment(stage, images[FIRST])
        _new_version(stage, images[SECOND])
        _bad_version(stage, images[BAD])
        _revert(stage)
        _drift(stage)
        last_gap(stage, FIRST)
        good = new_version_unnoticed(stage, images[SECOND], SECOND)
        bad_version_unnoticed(stage, images[BAD], good, SECOND)
        _look_back(stage)
    except MoorlineError as error:
        number, title = len(stage.steps), stage.steps[-1].title
        raise StepFailed(
            f"step {number} did not happen ({title}): {error.message}", mend=error.mend
        ) from error


def _first_deployment(stage: Stage, image: ImageRef) -> None:
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
    pin(stage, image)
    stage.type("git", "add", path)
    deployed(stage, commit_and_push(stage, "Deploy version 1"), FIRST)


def _new_version(stage: Stage, image: ImageRef) -> None:
    stage.step("A new version", "One line changes: the pin. The old container stays until then.")
    pin(stage, image)
    push = commit_and_push(stage, "Deploy version 2")
    deployed(stage, push, SECOND)
    silence(stage, push)


def _bad_version(stage: Stage, image: ImageRef) -> None:
    stage.step(
        "A bad version takes itself back",
        "Version 3 has a mistake: its health page moved to /healthz. Now nobody does anything.",
    )
    pin(stage, image)
    push = commit_and_push(stage, "Deploy version 3")
    record = stage.record("taken back", push.commit)
    stage.see(SECOND)
    tell(stage, record)
    stage.screen.quote("the last thing that version 3 said:", record.logs[-1:])
    restored(stage, push, record, SECOND)
    rolled_back_in_git(stage, push, record, to=stage.steps[1].commit)


def _revert(stage: Stage) -> None:
    stage.step(
        "A person goes back further",
        "Version 2 is healthy, yet not what was wanted? A commit deployed it, so undo that.",
    )
    second = stage.steps[1].commit
    stage.type("git", "pull", "--quiet")
    stage.type("git", "revert", "--no-edit", second[:7])
    push = stage.push()
    deployed(stage, push, FIRST)
    silence(stage, push)


def _drift(stage: Stage) -> None:
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
    tell(stage, record)
    stage.measured(
        "restored",
        "the page says version 1 again",
        stage.visitor.settled(after=began),
        "after the rm",
    )
    stage.screen.commit(record.written)


def _look_back(stage: Stage) -> None:
    stage.step(
        "Look back",
        "What happened is in git, for as long as the repository lives. The registry's tags say "
        "what runs, and what ran before.",
    )
    stage.type("git", "pull", "--quiet")
    for words in (
        ("git", "log", "--format=%h %an: %s"),
        ("moorline", "history", ENVIRONMENT),
        ("moorline", "status", ENVIRONMENT),
        ("moorline", "tags", ENVIRONMENT),
        ("moorline", "versions", SERVICE),
    ):
        stage.screen.gap()
        stage.screen.printed(stage.type(*words), cut=True)


def _is_back(world: World) -> bool:
    words = ("docker", "ps", "--filter", f"name=^/{CONTAINER}$", "--format", "{{.Names}}")
    return run(words, env=world.env).strip() == CONTAINER
