"""Clients of GitHub's Packages API for tests: of the emulator, and of a server by script."""

from collections.abc import Callable

from moorline.adapters.ghcr import GhcrPackages
from moorline.core.image import Digest
from moorline.core.retention.model import Version
from tests.ghcr.emulator import TOKEN, Ghcr

APP = "acme/app"
ABSENT = Digest(f"sha256:{'0' * 64}")


def client_of(
    ghcr: Ghcr, *, token: str | None = TOKEN, wait: Callable[[float], None] | None = None
) -> GhcrPackages:
    """A client with this token, and with patience where it can `wait`."""
    return GhcrPackages(
        api=ghcr.api, registry=ghcr.registry, token=lambda: token, timeout=10, wait=wait
    )


def stub_client(address: str) -> GhcrPackages:
    """A client of a scripted server, for packages of ghcr.io."""
    return GhcrPackages(
        api=f"http://{address}", registry="ghcr.io", token=lambda: "ghp_secret", timeout=10
    )


def digests(versions: tuple[Version, ...]) -> list[str]:
    """In the order in which they were listed."""
    return [each.digest for each in versions]
