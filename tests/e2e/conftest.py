"""What scenarios start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage
from tests.parts.sshd import free_port


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A host without a daemon and a state repo without a file."""
    made = Stage(tmp_path)
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
