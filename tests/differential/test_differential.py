"""The same file, created by Docker Compose and by moorline, is the same to the engine."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from moorline.core.compose import SERVICE_KEYS
from moorline.core.compose.deploy import DEPLOY_KEYS
from moorline.core.compose.health import HEALTHCHECK_KEYS
from moorline.core.container import create_body, network_body
from tests.differential.cases import RECORDED, Case, all_cases, compared, expected
from tests.differential.differences import DIFFERENCES, without_differences
from tests.differential.world import World, engine, load

PROJECT = "expected"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A real engine with the image that the cases run."""
    with engine() as made:
        yield made


@pytest.fixture(scope="module")
def recordings_are_of_this_world(world: World) -> bool:
    """Whether Compose and engine here are those that the recordings were made with."""
    made_with = json.loads((RECORDED / "made-with.json").read_text())
    return world.compose is not None and world.made_with() == made_with


@pytest.mark.engine
@pytest.mark.parametrize("case", compared(), ids=lambda case: case.name)
def test_moorline_creates_what_compose_creates(
    case: Case, world: World, *, recordings_are_of_this_world: bool
) -> None:
    theirs = json.loads(case.recording.read_text())
    if world.compose:
        live = world.by_compose(case)
        assert live == theirs or not recordings_are_of_this_world, "record anew"
        theirs = live
    ours = world.by_moorline(case)
    assert without_differences(case.name, ours) == without_differences(case.name, theirs)


@pytest.mark.parametrize("case", expected(), ids=lambda case: case.name)
def test_moorline_makes_what_a_case_expects_of_it(case: Case) -> None:
    wanted = case.data["x-expected"]
    assert wanted.pop("reason")
    made = _made(case)
    for part, values in wanted.items():
        for key, value in _named(values).items():
            assert made[part][key] == value


def _made(case: Case) -> dict[str, Any]:
    """What moorline makes of the one service of a case, in plain lists and mappings."""
    environment = load(case, PROJECT, "/folder")
    service = environment.service("web")
    made = {
        "service": asdict(service),
        "body": create_body(environment, service, labels={}, shares={}, mounts=()),
        "ipam": {
            network.key: network_body(environment, network, labels={}).get("IPAM")
            for network in environment.networks
        },
    }
    plain: dict[str, Any] = json.loads(json.dumps(made, default=str))
    return plain


def _named(values: object) -> dict[str, Any]:
    text = json.dumps(values).replace("PROJECT", PROJECT)
    named: dict[str, Any] = json.loads(text)
    return named


def test_every_recording_has_its_case() -> None:
    recorded = {path.stem for path in RECORDED.glob("*.json")} - {"made-with"}
    assert recorded == {case.name for case in compared()}


def test_every_difference_has_its_case() -> None:
    assert set(DIFFERENCES) <= {case.name for case in compared()}


def test_there_are_enough_cases() -> None:
    assert len(all_cases()) >= 60


@pytest.mark.parametrize(
    ("keys", "path"),
    [(SERVICE_KEYS, ()), (DEPLOY_KEYS, ("deploy",)), (HEALTHCHECK_KEYS, ("healthcheck",))],
    ids=["service", "deploy", "healthcheck"],
)
def test_every_supported_key_is_in_some_case(keys: dict[str, str], path: tuple[str, ...]) -> None:
    used = {
        key for case in all_cases() for service in _services(case) for key in _at(service, path)
    }
    assert set(keys) - used == set()


def _services(case: Case) -> list[dict[str, Any]]:
    return list(case.data["services"].values())


def _at(service: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        service = service.get(name) or {}
    return service
