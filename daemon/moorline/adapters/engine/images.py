"""What lies on the engine's disk: images by their names, and the space that is left."""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from docker import APIClient

from moorline.adapters.ports import DiskSpace
from moorline.core.image import ImageRef
from moorline.core.images import HostImage

__all__ = ["disk_space", "local_images"]


def local_images(client: APIClient) -> tuple[HostImage, ...]:
    """Take one list of images, then one of containers: one made in between counts as a user."""
    entries = client.images()
    # the list's own count of containers is always -1
    used = {each["ImageID"] for each in client.containers(all=True)}
    found = (_image(entry, in_use=entry["Id"] in used) for entry in entries)
    return tuple(sorted(found, key=lambda image: image.id))


def disk_space(url: str, client: APIClient) -> DiskSpace | None:
    """None where the engine's folder is not one that this process can see."""
    if not url.startswith("unix://"):
        return None
    root = str(client.info()["DockerRootDir"])
    try:
        return DiskSpace(path=root, free=shutil.disk_usage(root).free)
    except OSError:
        return None  # the socket leads out of the container that this process runs in


def _image(entry: Mapping[str, Any], *, in_use: bool) -> HostImage:
    return HostImage(
        id=entry["Id"],
        pins=_names(entry.get("RepoDigests") or ()),
        tags=_names(entry.get("RepoTags") or ()),
        size=entry.get("Size", 0),
        in_use=in_use,
    )


def _names(found: Iterable[str]) -> frozenset[str]:
    # older engines write <none>:<none> for an image without a name
    return frozenset(_long(name) for name in found if "<none>" not in name)


def _long(name: str) -> str:
    """The long form: `nginx:1` is `docker.io/library/nginx:1`."""
    with suppress(ValueError):
        return str(ImageRef.parse(name))
    return name  # of a kind that is never ours: another hash, say
