"""Three versions of a tiny web page and an HAProxy, as images made from scratch.

Version 3 of the page has a mistake that happens: its health page moved to /healthz, and nobody
told the environment file.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from moorline.cli.demo.processes import run
from moorline.cli.demo.rootfs import root_fs
from moorline.core.image import ImageRef

__all__ = ["REPOSITORIES", "make_images", "make_ingress", "page"]

PORT = 3000
REPOSITORIES = "shop/*"
"""What all of them are called in the registry."""

_PAGES = "shop/web"
_INGRESS = "shop/haproxy"
_HEALTH_PAGES = {1: "health", 2: "health", 3: "healthz"}
_SERVE = """#!/bin/sh
# process 1 gets no default answer to signals
trap 'exit 0' TERM INT
echo "shop version {version} listens on {port}, health page /{health}"
httpd -f -p {port} -h /www &
wait $!
"""
_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>shop</title>
<h1>shop, version {version}</h1>
<p>Deployed by a commit.
"""
_VERSION = re.compile(rb"shop, version (\d+)")
_LIBRARY = re.compile(r"(/\S+) \(0x")
"""How ldd names a file that it found."""


def page(body: bytes) -> str:
    """Which version a page says it is; "" for another page."""
    found = _VERSION.search(body)
    return found[1].decode() if found else ""


def make_images(registry: str, busybox: Path, env: Mapping[str, str]) -> dict[int, ImageRef]:
    """Make every version and push it; they are then in the registry only."""
    applets = run([str(busybox), "--list"]).split()
    changes = ('CMD ["/serve"]', "ENV PATH=/bin", f"EXPOSE {PORT}")
    images = {
        version: ImageRef.parse(f"{registry}/{_PAGES}:{version}") for version in _HEALTH_PAGES
    }
    for version, image in images.items():
        _push(image, _page_files(version, busybox.read_bytes(), applets), changes, env)
    # off the host again: the daemon has to fetch them itself
    run(["docker", "rmi", *map(str, images.values())], env=env)
    return images


def make_ingress(registry: str, haproxy: Path, env: Mapping[str, str]) -> ImageRef:
    """Make an image of this machine's HAProxy and its libraries, and push it; returns its pin."""
    image = ImageRef.parse(f"{registry}/{_INGRESS}:1")
    changes = (
        'CMD ["haproxy", "-v"]',
        "ENV PATH=/usr/local/sbin",
        "ENV LD_LIBRARY_PATH=/usr/local/lib",
    )
    _push(image, _haproxy_files(haproxy), changes, env)
    words = ["docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", str(image)]
    pin = ImageRef.parse(run(words, env=env).strip())
    run(["docker", "rmi", str(image)], env=env)
    return pin


def _push(
    image: ImageRef,
    files: Mapping[str, bytes | str],
    changes: tuple[str, ...],
    env: Mapping[str, str],
) -> None:
    options = [word for change in changes for word in ("--change", change)]
    run(["docker", "import", *options, "-", str(image)], env=env, data=root_fs(files))
    run(["docker", "push", "--quiet", str(image)], env=env)


def _page_files(version: int, busybox: bytes, applets: list[str]) -> dict[str, bytes | str]:
    health = _HEALTH_PAGES[version]
    return {
        "bin/busybox": busybox,
        **{f"bin/{name}": "busybox" for name in applets if name != "busybox"},
        "serve": _SERVE.format(version=version, port=PORT, health=health).encode(),
        "www/index.html": _PAGE.format(version=version).encode(),
        f"www/{health}": b"ok\n",
    }


def _haproxy_files(haproxy: Path) -> dict[str, bytes | str]:
    """The program and what it is linked to. The loader alone has to be where it is here."""
    own = {**os.environ, "LD_LIBRARY_PATH": str(haproxy.parent / "lib")}
    files: dict[str, bytes | str] = {"usr/local/sbin/haproxy": haproxy.read_bytes()}
    for library in map(Path, _LIBRARY.findall(run(["ldd", str(haproxy)], env=own))):
        is_loader = library.name.startswith("ld-")
        place = str(library).lstrip("/") if is_loader else f"usr/local/lib/{library.name}"
        files[place] = library.read_bytes()
    return files
