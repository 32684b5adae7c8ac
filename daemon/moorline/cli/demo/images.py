"""Three versions of a tiny web page, as images made from scratch.

Version 3 has a mistake that happens: its health page moved to /healthz, and nobody told the
environment file.
"""

import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from moorline.cli.demo.processes import run
from moorline.core.image import ImageRef

__all__ = ["REPOSITORY", "make_images", "page"]

REPOSITORY = "shop/web"
PORT = 3000

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


def page(body: bytes) -> str:
    """Which version a page says it is; "" for another page."""
    found = _VERSION.search(body)
    return found[1].decode() if found else ""


def make_images(registry: str, busybox: Path, env: Mapping[str, str]) -> dict[int, ImageRef]:
    """Make every version and push it; they are then in the registry only."""
    applets = run([str(busybox), "--list"]).split()
    images = {
        version: ImageRef.parse(f"{registry}/{REPOSITORY}:{version}") for version in _HEALTH_PAGES
    }
    for version, image in images.items():
        root = _root(version, busybox.read_bytes(), applets)
        changes = ('CMD ["/serve"]', "ENV PATH=/bin", f"EXPOSE {PORT}")
        options = [word for change in changes for word in ("--change", change)]
        run(["docker", "import", *options, "-", str(image)], env=env, data=root)
        run(["docker", "push", "--quiet", str(image)], env=env)
    # off the host again: the daemon has to fetch them itself
    run(["docker", "rmi", *map(str, images.values())], env=env)
    return images


def _root(version: int, busybox: bytes, applets: list[str]) -> bytes:
    """The whole file system, as a tar."""
    health = _HEALTH_PAGES[version]
    serve = _SERVE.format(version=version, port=PORT, health=health)
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            _add(tar, "bin/busybox", busybox)
            for name in applets:
                _link(tar, f"bin/{name}")
            _add(tar, "serve", serve.encode())
            _add(tar, "www/index.html", _PAGE.format(version=version).encode())
            _add(tar, f"www/{health}", b"ok\n")
        return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.size = 0o755, len(content)
    tar.addfile(entry, io.BytesIO(content))


def _link(tar: tarfile.TarFile, path: str) -> None:
    if path == "bin/busybox":
        return
    entry = tarfile.TarInfo(path)
    entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
    tar.addfile(entry)
