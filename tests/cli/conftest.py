"""What the tests of commands share."""

from pathlib import Path

import pytest

from tests.fakes.host import FakeHost


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host that runs nothing yet, and an empty state repo."""
    return FakeHost(tmp_path)
