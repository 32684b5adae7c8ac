"""What every suite shares: a real registry and images to deploy from it."""

from collections.abc import Iterator

import pytest

from tests.parts.images import Images
from tests.parts.registry import running_registry


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """The address of a real OCI registry, `127.0.0.1:<port>`."""
    with running_registry() as address:
        yield address


@pytest.fixture(scope="session")
def images(registry: str) -> Iterator[Images]:
    """Builds and pushes test images when first asked for: `images("healthy", "2")`."""
    made = Images(registry)
    yield made
    made.close()
