"""What several tests of adapters share."""

from collections.abc import Iterator

import pytest

from moorline.adapters.ghcr import GhcrPackages
from moorline.core.image import ImageRef
from tests.adapters.ghcr_clients import APP, client_of
from tests.ghcr.emulator import Ghcr, running_ghcr


@pytest.fixture
def ghcr() -> Iterator[Ghcr]:
    """An emulator of GHCR of its own for each test."""
    with running_ghcr() as running:
        yield running


@pytest.fixture
def app(ghcr: Ghcr) -> ImageRef:
    """A package there; nothing has been pushed to it."""
    return ImageRef.parse(f"{ghcr.registry}/{APP}")


@pytest.fixture
def client(ghcr: Ghcr) -> Iterator[GhcrPackages]:
    """A client that may do everything there, and does not wait."""
    made = client_of(ghcr)
    yield made
    made.close()
