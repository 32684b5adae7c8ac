"""How the emulator's own tests ask it."""

import base64

import httpx

from moorline.core.image import ImageRef
from tests.ghcr.emulator import TOKEN, Ghcr

APP = "acme/app"
NESTED = "acme/team/app"
VERSIONS = "/orgs/acme/packages/container/app/versions"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DIRECT = {"Authorization": f"Bearer {base64.b64encode(TOKEN.encode()).decode()}"}
"""A token that the registry takes without exchanging it."""


def ref(ghcr: Ghcr, text: str) -> ImageRef:
    """A reference into the emulator's registry."""
    return ImageRef.parse(f"{ghcr.registry}/{text}")


def version(api: httpx.Client, digest: object) -> dict[str, object]:
    """The version of the package `acme/app` that has this digest, as listed."""
    [found] = [each for each in api.get(VERSIONS).json() if each["name"] == str(digest)]
    return dict(found)
