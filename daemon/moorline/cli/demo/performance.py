"""The demo from curtain to curtain: set up, act, take down."""

import os
import time
from pathlib import Path

import click
from rich.console import Console

from moorline.cli.demo.clean import NAME
from moorline.cli.demo.images import make_images, make_ingress
from moorline.cli.demo.logs import readable
from moorline.cli.demo.machine import Machine, look_around
from moorline.cli.demo.screen import Screen
from moorline.cli.demo.signals import interruptible
from moorline.cli.demo.stage import Stage
from moorline.cli.demo.story import act, prepare
from moorline.cli.demo.visitor import Visitor
from moorline.cli.demo.world import ENVIRONMENT, World, open_world
from moorline.cli.output import emit, remark
from moorline.errors import MoorlineError

__all__ = ["perform"]

_LOG_LINES = 12


def perform(*, keep: bool, as_json: bool) -> int:
    """Run the whole demo; returns the exit code, raises what went wrong."""
    began = time.monotonic()
    machine = look_around(os.environ)
    screen = Screen(Console(quiet=as_json))
    try:
        with interruptible(), open_world(machine) as world:
            stage = _play(world, screen, keep=keep)
    except KeyboardInterrupt:
        remark("stopped; everything is removed again")
        raise
    seconds = time.monotonic() - began
    _close(screen, world, stage.steps[1].commit, seconds)
    if as_json:
        _emit(stage, world, seconds)
    return 0


def _play(world: World, screen: Screen, *, keep: bool) -> Stage:
    """Set up and act. Only a Ctrl-C overrules `keep`: a demo that failed is worth a look."""
    try:
        stage = _all_steps(world, screen)
    except MoorlineError:
        world.kept = keep
        _show_log(world)
        if keep:
            remark(f"kept for a look; 'sh {world.folder / NAME}' removes it")
        raise
    world.kept = keep
    return stage


def _all_steps(world: World, screen: Screen) -> Stage:
    _open(screen, world.machine, world.folder)
    began = time.monotonic()
    with screen.waiting("making three versions of a page, and an HAProxy"):
        world.start_registry()
        images = make_images(world.registry, world.machine.busybox, world.env)
        world.configure(make_ingress(world.registry, world.machine.haproxy, world.env))
    pushed = time.monotonic()
    screen.proved("three versions of a page, and an HAProxy, in a registry", pushed - began)
    with screen.waiting("creating a state repo"):
        prepare(world)
    ready = time.monotonic() - pushed
    screen.proved("a state repo made, and a daemon that follows it", ready)
    with Visitor(world.port) as visitor:
        stage = Stage(world, screen, visitor)
        act(stage, images)
    return stage


def _open(screen: Screen, machine: Machine, folder: Path) -> None:
    screen.opening(
        "moorline demo",
        f"Everything here happens for real, on Docker {machine.engine_version}, in {folder}.",
    )


def _close(screen: Screen, world: World, second: str, seconds: float) -> None:
    screen.gap()
    if not world.kept:
        screen.said(f"All of it took {seconds:.0f} s, and everything is removed again.")
        return
    screen.said(f"All of it took {seconds:.0f} s, and is left running. Look around:")
    screen.gap()
    for command in (
        f"export MOORLINE_CONFIG={world.folder / 'agent.toml'}",
        f"cd {world.work}",
        f"curl {world.url}",
        f"moorline status {ENVIRONMENT}",
        f"moorline rollback {ENVIRONMENT} --to {second[:7]} --confirm ROLLBACK",
        f"docker compose -p {ENVIRONMENT} ps",
        "git log --graph --all --oneline",
        f"tail -f {world.folder / 'moorline.log'}",
    ):
        screen.typed(command)
    screen.gap()
    screen.said("And remove it all, with the daemon and the registry:")
    screen.gap()
    screen.typed(f"sh {world.folder / NAME}")


def _show_log(world: World) -> None:
    lines = world.log(_LOG_LINES)
    if lines:
        click.echo(
            "\n".join(("", "the last lines of the log:", *map(readable, lines), "")), err=True
        )


def _emit(stage: Stage, world: World, seconds: float) -> None:
    emit(
        {
            "environment": ENVIRONMENT,
            "seconds": round(seconds, 3),
            "steps": [step.as_data() for step in stage.steps],
            "kept": str(world.folder) if world.kept else None,
        }
    )
