"""A registry that stops in the middle of a pull, with the real engine between it and us."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from moorline.adapters.engine import DockerEngine
from moorline.core.image import ImageRef
from moorline.errors import RegistryUnreachable
from tests.adapters.engine_worlds import SOCKET, eventually
from tests.parts.stub_http import Reply, Request, serving

pytestmark = pytest.mark.engine

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class HangingRegistry:
    """Serves one image; half of its layer comes, and the rest when `released`."""

    name: str = field(default_factory=lambda: f"moorline-test/{uuid4().hex[:10]}")
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            entry = tarfile.TarInfo("data")
            entry.size = 1 << 20
            # what cannot be compressed, and no other test has
            tar.addfile(entry, io.BytesIO(hashlib.shake_256(self.name.encode()).digest(1 << 20)))
        self.layer = gzip.compress(content.getvalue())
        plain = digest_of(content.getvalue())
        rootfs = {"type": "layers", "diff_ids": [plain]}
        platform = {"architecture": "amd64", "os": "linux"}
        self.config = json.dumps({**platform, "config": {}, "rootfs": rootfs}).encode()
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": blob("container.image.v1+json", self.config),
                "layers": [blob("image.rootfs.diff.tar.gzip", self.layer)],
            }
        ).encode()

    def respond(self, request: Request) -> Reply:
        path = request.path
        if "/manifests/" in path:
            headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": digest_of(self.manifest)}
            return Reply(200, self.manifest, headers)
        if path.endswith(digest_of(self.config)):
            return Reply(200, self.config)
        if path.endswith(digest_of(self.layer)):
            return Reply(200, self._layer_in_halves())
        return Reply(200, b"{}")

    def _layer_in_halves(self) -> Iterator[bytes]:
        half = len(self.layer) // 2
        yield self.layer[:half]
        self.released.wait(60)
        yield self.layer[half:]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(kind: str, data: bytes) -> dict[str, object]:
    media = f"application/vnd.docker.{kind}"
    return {"mediaType": media, "size": len(data), "digest": digest_of(data)}


def test_a_registry_that_hangs_in_the_middle_holds_nobody_up() -> None:
    registry = HangingRegistry()
    with serving(registry.respond) as stub:
        text = f"{stub.address}/{registry.name}@{digest_of(registry.manifest)}"
        image = ImageRef.parse(text)
        engine = DockerEngine(SOCKET, pull_idle=1)
        seen: list[str] = []
        began = time.monotonic()
        with pytest.raises(RegistryUnreachable, match="no progress for 1 s"):
            engine.pull(image, lambda progress: seen.append(progress.status))
        assert time.monotonic() - began < 10
        assert "Downloading" in seen

        # nor does the engine hang on: the next pull begins anew, and gets it
        registry.released.set()

        def pulled() -> bool:
            engine.pull(image, lambda _: None)
            return True

        eventually(pulled)
        engine.remove_image_name(image.pin)
        engine.close()
