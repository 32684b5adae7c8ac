"""What scenarios start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage
from tests.e2e.strategies import RECREATE, Strategy
from tests.parts.haproxy import haproxy_image, short_folder
from tests.parts.sshd import free_port


@pytest.fixture(scope="session")
def haproxy(registry: str) -> ImageRef:
    """An image of HAProxy."""
    return haproxy_image(registry)


@pytest.fixture
def strategy() -> Strategy:
    """The strategy of a scenario that is not about one."""
    return RECREATE


@pytest.fixture
def ingress(strategy: Strategy, request: pytest.FixtureRequest) -> str:
    """The image of the host's ingress, "" where the strategy needs none."""
    return str(request.getfixturevalue("haproxy")) if strategy.seamless else ""


@pytest.fixture
def folder(strategy: Strategy, tmp_path: Path) -> Iterator[Path]:
    """Where a stage is built: an ingress has sockets, whose paths have to be short."""
    if not strategy.seamless:
        yield tmp_path
        return
    with short_folder() as short:
        yield short


@pytest.fixture
def stage(folder: Path, ingress: str) -> Iterator[Stage]:
    """A host without a daemon and a state repo without a file."""
    made = Stage(folder, ingress=ingress)
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    """A port of this machine that is free now."""
    return free_port()


@pytest.fixture
def other_port() -> int:
    """Another one."""
    return free_port()
