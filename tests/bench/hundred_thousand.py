"""One plan of retention over 100,000 versions, in a process of its own: seconds and memory.

`python -m tests.bench.hundred_thousand` prints {"seconds": […], "resident": bytes, …}. A tenth of
the versions are indexes with three parts each; half of the rest has nothing that names it.
"""

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from moorline.core.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, Node, read_manifest
from moorline.core.retention.decide import decide
from moorline.core.retention.model import DAY, Pins, Policy, Rule, Version

VERSIONS = 100_000
INDEXES = VERSIONS // 10
PARTS = 3
SINGLES = VERSIONS - INDEXES * (1 + PARTS)
BASES = 200
"""So many different stacks of base layers are shared by all."""
NOW = 1_795_000_000.0
NAME = "ghcr.io/acme/app"
POLICY = Policy(
    packages=(NAME,),
    rules=(
        Rule(name="rollback backups", match="*-rollback-*", keep=30 * DAY, untag=True),
        Rule(name="production", match="production-*", keep=None),
        Rule(name="semantic versions", match="semver", keep=None),
        Rule(name="commits", match="sha", keep=90 * DAY),
        Rule(name="untagged", match="untagged", keep=7 * DAY),
    ),
)


def main(runs: int) -> None:
    """Build once, decide `runs` times."""
    versions, nodes = _package()
    pins = _pins(versions)
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        decision = decide(NAME, versions, nodes, pins, POLICY, now=NOW)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"seconds": seconds, "resident": peak, "versions": len(versions)}
    found["doomed"] = len(decision.doomed)
    json.dump(found, sys.stdout)


def _package() -> tuple[list[Version], dict[str, Node]]:
    versions: list[Version] = []
    nodes: dict[str, Node] = {}
    for number, (tags, manifest) in enumerate(_manifests()):
        node = read_manifest(manifest)
        nodes[node.digest] = node
        # the newest was pushed a minute ago, the oldest three years
        created = NOW - 60 - number * 3 * 365 * DAY / VERSIONS
        versions.append(Version(digest=node.digest, tags=tags, created=created, id=str(number)))
    return versions, nodes


def _manifests() -> Iterator[tuple[tuple[str, ...], Manifest]]:
    for number in range(INDEXES):
        parts = [_image(f"part-{number}-{part}") for part in range(PARTS)]
        yield _tags(number), _index(parts)
        yield from (((), part) for part in parts)
    for number in range(SINGLES):
        yield (_tags(number) if number % 2 else ()), _image(f"single-{number}")


def _tags(number: int) -> tuple[str, ...]:
    commit = hashlib.sha256(str(number).encode()).hexdigest()[:40]
    named = {0: (f"1.{number}.0",), 1: ("production-rollback-20260102T030405Z",)}
    return (commit, f"main-{commit[:7]}", *named.get(number % 50, ()))


def _pins(versions: Sequence[Version]) -> Pins:
    held = {each.digest: "pinned by production" for each in versions[::500]}
    last: Mapping[str, float] = {each.digest: each.created + DAY for each in versions[::50]}
    return Pins(held=held, last_pinned=last)


def _image(name: str) -> Manifest:
    base = _hash(f"base-{sum(name.encode()) % BASES}")
    layers = [_blob(f"{base}-{layer}", 30_000_000) for layer in range(4)]
    layers.append(_blob(f"layer of {name}", 5_000_000))
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _blob(f"config of {name}", 4_000),
        "layers": layers,
    }
    return Manifest(OCI_MANIFEST, json.dumps(content).encode())


def _index(parts: Sequence[Manifest]) -> Manifest:
    entries = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(each.digest),
            "size": len(each.data),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for each, architecture in zip(parts, ("amd64", "arm64", "s390x"), strict=True)
    ]
    content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return Manifest(OCI_INDEX, json.dumps(content).encode())


def _blob(name: str, size: int) -> dict[str, object]:
    return {"mediaType": "application/x", "digest": f"sha256:{_hash(name)}", "size": size}


def _hash(name: str) -> str:
    """Sixty-four digits that are those of this name."""
    return hashlib.sha256(name.encode()).hexdigest()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
