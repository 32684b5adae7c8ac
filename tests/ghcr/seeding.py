"""Versions that nobody pushed: thousands of them, at once."""

import hashlib
from collections.abc import Sequence

from tests.ghcr.store import Row, Store


def seed_one(
    store: Store,
    package: str,
    *,
    digest: str,
    tags: Sequence[str] = (),
    created: float | None = None,
) -> Row:
    """One version, as if it had been pushed at `created`."""
    moment = store.clock.now() if created is None else created
    return store.seed(package, digest, tags=tags, created=moment)


def seed_many(store: Store, package: str, count: int, every: float = 60) -> list[Row]:
    """So many versions, the last of them pushed just now, `every` seconds after the one before.

    Each has a tag like that of a build: `main-` and seven digits of its digest.
    """
    start = store.clock.now() - every * (count - 1)
    digests = (hashlib.sha256(f"{package} {n}".encode()).hexdigest() for n in range(count))
    return [
        store.seed(
            package,
            f"sha256:{digest}",
            tags=[f"main-{digest[:12]}"],
            created=start + every * number,
        )
        for number, digest in enumerate(digests)
    ]
