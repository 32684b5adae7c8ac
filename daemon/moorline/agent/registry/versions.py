"""The versions of a package, put together from all who know something: the registry's list, the
manifests, the records in git, this host's engine, and what retention would say.

Only the registry's own list is needed. Whoever else is away leaves a remark, and a gap.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.load import environment_path
from moorline.agent.registry.onrecord import environments_in, sightings
from moorline.agent.retention.ground import POLICY, read_ground
from moorline.agent.retention.offices import Offices, Progress, silent
from moorline.agent.retention.survey import survey
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Node, platform_text
from moorline.core.pinning import read_images
from moorline.core.records import Summary
from moorline.core.retention.decide import decide
from moorline.core.retention.model import Verdict, Version
from moorline.core.rollback import previous_proven
from moorline.core.versions import (
    Place,
    Run,
    Sighting,
    VersionLine,
    commit_of,
    images_of,
    last_proven_of,
    moment,
    runs_of,
    size_of,
)
from moorline.errors import MoorlineError, NotFound, Transient

__all__ = ["VersionHistory", "environments_of", "version_history"]

REVISION = "org.opencontainers.image.revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionHistory:
    """The newest versions of one package, and what could not be found out."""

    package: str
    lines: tuple[VersionLine, ...]
    total: int
    """How many images there are, of which `lines` are the newest."""
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Known:
    """What git says of a package."""

    now: Mapping[str, tuple[Place, ...]]
    runs: Mapping[str, tuple[Run, ...]]
    previous: Mapping[str, tuple[str, ...]]


def version_history(
    offices: Offices,
    image: ImageRef,
    *,
    since: float = 0.0,
    limit: int,
    progress: Progress = silent,
) -> VersionHistory:
    """The versions of the image's repository. Raises what the registry does."""
    remarks: list[str] = []
    versions, nodes = survey(offices, image.name, progress)
    # first: this fetches
    verdicts = _verdicts(offices, image.name, versions, nodes, remarks)
    known = _from_git(offices.repo, environments_of(offices), image.name, remarks)
    local = _local(offices, image.name, remarks)
    images = images_of(versions, nodes, known.now)
    shown = [each for each in images if each.created >= since][:limit]
    lines = [_line(each, nodes, known, verdicts.get(each.digest), local) for each in shown]
    return VersionHistory(
        package=image.name,
        lines=tuple(_completed(offices, image, nodes, lines, remarks)),
        total=len(images),
        remarks=tuple(remarks),
    )


def environments_of(offices: Offices) -> tuple[str, ...]:
    """Every environment that is known of: this host's, and those of the state repo."""
    return tuple(sorted({*offices.config.environments, *environments_in(offices.repo)}))


def _line(
    version: Version,
    nodes: Mapping[str, Node],
    known: _Known,
    verdict: Verdict | None,
    local: frozenset[str] | None,
) -> VersionLine:
    digest, node = version.digest, nodes.get(version.digest)
    now = known.now.get(digest, ())
    return VersionLine(
        digest=digest,
        tags=version.tags,
        created=version.created or (moment(node.created) if node else 0.0),
        platforms=node.platforms if node else (),
        size=size_of(digest, nodes),
        commit=commit_of(version.tags, node.revision if node else ""),
        runs=now,
        ran=tuple(each for each in known.runs.get(digest, ()) if each.place not in now),
        previous_of=known.previous.get(digest, ()),
        on_host=None if local is None else digest in local,
        verdict=verdict,
    )


# --- git -----------------------------------------------------------------------------------------


def _from_git(
    repo: StateRepo, environments: Sequence[str], package: str, remarks: list[str]
) -> _Known:
    try:
        found = [each for name in environments for each in sightings(repo, name)]
        return _Known(
            now=_now(repo, found, package),
            runs=runs_of(found, package),
            previous=_previous(repo, environments, found, package),
        )
    except MoorlineError as error:
        remarks.append(f"where they run is not known: {error}")
        return _Known({}, {}, {})


def _now(
    repo: StateRepo, sightings: Sequence[Sighting], package: str
) -> dict[str, tuple[Place, ...]]:
    found: dict[str, set[Place]] = {}
    for record in last_proven_of(sightings).values():
        for service, digest in _digests(repo, record, package).items():
            place = Place(environment=record.environment, service=service, host=record.host)
            found.setdefault(digest, set()).add(place)
    return {digest: tuple(sorted(places)) for digest, places in found.items()}


def _previous(
    repo: StateRepo, environments: Sequence[str], sightings: Sequence[Sighting], package: str
) -> dict[str, tuple[str, ...]]:
    """Digest → `environment/service` that `rollback --to previous` would bring it back to."""
    found: dict[str, list[str]] = {}
    tip = repo.tip()
    for environment in environments if tip else ():
        records = [each.record for each in sightings if each.record.environment == environment]
        with suppress(NotFound):  # nothing was there before
            present = repo.read(str(tip), environment_path(environment))
            blob = present.oid if present else ""
            before = previous_proven(environment, records, blob=blob)
            for service, digest in _digests(repo, before, package).items():
                found.setdefault(digest, []).append(f"{environment}/{service}")
    return {digest: tuple(each) for digest, each in found.items()}


def _digests(repo: StateRepo, record: Summary, package: str) -> dict[str, str]:
    """Service → digest of the package, in the state that a record proved: all of its file, of
    which the record names only what had to prove itself.
    """
    images: Mapping[str, str] = record.pins
    # a commit that was rewritten away, or a file that is not what it was
    with suppress(MoorlineError):
        path = environment_path(record.environment)
        if blob := repo.read(record.commit, path):
            images = {**read_images(blob.data, path=path), **record.pins}
    return dict(_of_package(images, package))


def _of_package(images: Mapping[str, str], package: str) -> Iterator[tuple[str, str]]:
    for service, text in images.items():
        with suppress(ValueError):  # one with a variable in it
            image = ImageRef.parse(text)
            if image.name == package and image.digest:
                yield service, str(image.digest)


# --- this host, and retention --------------------------------------------------------------------


def _local(offices: Offices, package: str, remarks: list[str]) -> frozenset[str] | None:
    """Digests of the package that the engine has."""
    if offices.engine is None:
        return None
    try:
        images = offices.engine.local_images()
    except MoorlineError as error:
        remarks.append(f"what is on this host is not known: {error}")
        return None
    start = f"{package}@"
    return frozenset(
        pin.removeprefix(start) for each in images for pin in each.pins if pin.startswith(start)
    )


def _verdicts(
    offices: Offices,
    package: str,
    versions: Sequence[Version],
    nodes: Mapping[str, Node],
    remarks: list[str],
) -> dict[str, Verdict]:
    try:
        ground = read_ground(offices)
    except MoorlineError as error:
        remarks.append(f"what retention would do is not known: {error}")
        return {}
    if package not in ground.policy.packages:
        remarks.append(f"retention leaves {package} alone: {POLICY} does not name it")
        return {}
    pins, policy = ground.pins, ground.policy
    decision = decide(package, versions, nodes, pins, policy, now=offices.now())
    if decision.problem:
        remarks.append(f"nothing of {package} would be deleted: {decision.problem}")
    return {each.version.digest: each for each in decision.verdicts}


# --- what only an image's configuration says -----------------------------------------------------


def _completed(
    offices: Offices,
    image: ImageRef,
    nodes: Mapping[str, Node],
    lines: Sequence[VersionLine],
    remarks: list[str],
) -> Iterator[VersionLine]:
    is_away = False
    for line in lines:
        config = _config_digest(line.digest, nodes)
        if is_away or not config or (line.commit and line.platforms and line.created):
            yield line
            continue
        try:
            yield _filled(line, _json(offices.registry.blob(image, Digest(config))))
        except MoorlineError as error:
            is_away = isinstance(error, Transient)
            remarks.append(f"{line.digest}: its configuration cannot be read: {error}")
            yield line


def _config_digest(digest: str, nodes: Mapping[str, Node]) -> str:
    """The configuration of an image, of an index that of its first part that has one."""
    node = nodes.get(digest)
    if node is None or node.config:
        return node.config if node else ""
    parts = (nodes[each] for each in node.children if each in nodes)
    return next((each.config for each in parts if each.config), "")


def _filled(line: VersionLine, config: Mapping[str, object]) -> VersionLine:
    about = config.get("config")
    labels = about.get("Labels") if isinstance(about, dict) else None
    revision = labels.get(REVISION) if isinstance(labels, dict) else None
    platform = platform_text(config)
    return replace(
        line,
        commit=line.commit or str(revision or ""),
        platforms=line.platforms or ((platform,) if platform else ()),
        created=line.created or moment(str(config.get("created") or "")),
    )


def _json(data: bytes) -> Mapping[str, object]:
    """Nothing where it is no configuration of an image: artifacts have what they like there."""
    with suppress(ValueError, RecursionError):
        value = json.loads(data)
        return value if isinstance(value, dict) else {}
    return {}
