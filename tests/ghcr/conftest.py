"""A fresh emulator for each test, and two clients of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from moorline.adapters.registry import OciRegistry
from tests.ghcr.asking import BEARER
from tests.ghcr.emulator import Ghcr, running_ghcr


@pytest.fixture
def ghcr() -> Iterator[Ghcr]:
    with running_ghcr() as running:
        yield running


@pytest.fixture
def api(ghcr: Ghcr) -> Iterator[httpx.Client]:
    """GitHub's API, as its own owner asks it."""
    with httpx.Client(base_url=ghcr.api, headers=BEARER) as client:
        yield client


@pytest.fixture
def oci(ghcr: Ghcr, tmp_path: Path) -> Iterator[OciRegistry]:
    """Its registry, as moorline asks it."""
    registry = OciRegistry(docker_config=ghcr.login(tmp_path), github=ghcr.registry)
    yield registry
    registry.close()
