"""Every prerequisite of this host, looked at once; what is missing comes with its mend.

A warning is something that works and will hurt one day; a failure stops deployments now.
"""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from moorline.adapters.credentials import credentials_for
from moorline.adapters.ingress import Runtime
from moorline.adapters.registry_port import Registry
from moorline.agent.config import Config, IngressConfig
from moorline.agent.durable.lock import lock_holder
from moorline.agent.host import Host
from moorline.agent.load import Loader
from moorline.core.image import ImageRef
from moorline.core.tagging import asked_for
from moorline.core.values import JsonObject
from moorline.errors import MoorlineError, NotFound

__all__ = ["Finding", "Standing", "examine"]

Standing: TypeAlias = Literal["ok", "warn", "fail"]

GIT = (2, 31)
"""The first git that takes its configuration from the environment."""
API = (1, 41)
SPACE_LEAST = 100 * 2**20
SPACE_WARN = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One prerequisite: how it stands, what was seen, and what to do about it."""

    check: str
    standing: Standing
    says: str
    mend: str = ""

    def as_data(self) -> JsonObject:
        """The same for machines; the keys are stable."""
        return {
            "check": self.check,
            "standing": self.standing,
            "says": self.says,
            "mend": self.mend or None,
        }


def examine(host: Host, registry: Registry) -> Iterator[Finding]:
    """Look at everything, in the order in which things need each other."""
    config = host.config
    yield _state_dir(Path(config.state_dir))
    yield _space(Path(config.state_dir))
    yield _runtime_dir(Path(config.runtime_dir))
    yield _lock(Path(config.state_dir))
    yield from _private_files(config)
    yield from _engine(host)
    yield from _ingress(host, registry)
    git = _git()
    yield git
    if git.standing != "fail":
        yield from _state_repo(host, registry)


# --- this machine --------------------------------------------------------------------------------


def _state_dir(path: Path) -> Finding:
    there = _nearest(path)
    if not os.access(there, os.W_OK | os.X_OK):
        mend = f"let moorline's user write to {there}"
        return _fail("state_dir", f"{path} cannot be written", mend)
    return _ok("state_dir", str(path) if there == path else f"{path} will be created")


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(_nearest(path)).free
    says = f"{free / 2**30:.1f} GiB free for {path}"
    if free < SPACE_LEAST:
        return _fail("space", says, "free some: records and the journal need room")
    if free < SPACE_WARN:
        return _warn("space", says, "free some before it runs out")
    return _ok("space", says)


def _runtime_dir(path: Path) -> Finding:
    there = _nearest(path)
    if not os.access(there, os.W_OK | os.X_OK):
        mend = f"let moorline's user write to {there}; systemd's RuntimeDirectory does"
        return _fail("runtime_dir", f"{path} cannot be written", mend)
    if _filesystem(there) not in {"tmpfs", "ramfs"}:
        mend = "put runtime_dir below /run"
        return _warn("runtime_dir", f"{path} is on a disk, and secrets are kept there", mend)
    return _ok("runtime_dir", f"{path} is in memory")


def _lock(path: Path) -> Finding:
    holder = lock_holder(path)
    return _ok("lock", f"held by {holder}" if holder else "free: no moorline is at work")


def _private_files(config: Config) -> Iterator[Finding]:
    for name in config.environments:
        yield from _private("env_file", Path(config.env_file.format(environment=name)), "0600")
    yield from _private("secrets_dir", Path(config.secrets_dir), "0700")


def _private(check: str, path: Path, mode: str) -> Iterator[Finding]:
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        yield _fail(check, f"{path}: {error.strerror}", "let moorline's user read it")
        return
    if found & (stat.S_IROTH | stat.S_IWOTH):
        yield _warn(check, f"{path} is open to every user of this host", f"chmod {mode} {path}")
    elif not os.access(path, os.R_OK):
        yield _fail(check, f"{path} cannot be read", "let moorline's user read it")
    else:
        yield _ok(check, str(path))


def _nearest(path: Path) -> Path:
    """The path itself, or the folder in which it would be created."""
    return next(each for each in (path, *path.parents) if os.path.lexists(each))


def _filesystem(path: Path) -> str:
    """The type of the file system that `path` is on; the longest mount point wins."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    kinds = {where: kind for _, where, kind, *_ in mounts if path.resolve().is_relative_to(where)}
    return kinds[max(kinds, key=len)] if kinds else ""


# --- the engine ----------------------------------------------------------------------------------


def _engine(host: Host) -> Iterator[Finding]:
    try:
        info = host.engine.info()
    except MoorlineError as error:
        yield _error("engine", error)
        return
    says = f"Docker Engine {info.version}, API {info.api}, {info.storage_driver}"
    if _version(info.api) < API:
        yield _fail("engine", says, f"upgrade it: API {API[0]}.{API[1]} is the least")
        return
    yield _ok("engine", says)
    if not info.live_restore:
        mend = 'put "live-restore": true into /etc/docker/daemon.json and reload the engine'
        yield _warn("live-restore", "containers stop whenever the engine restarts", mend)


# --- the ingress ---------------------------------------------------------------------------------


def _ingress(host: Host, registry: Registry) -> Iterator[Finding]:
    settings = host.config.ingress
    try:
        if settings.image:
            yield _managed_ingress(host, registry)
        elif settings.admin_socket:
            yield _existing_ingress(settings)
        else:
            return
    except MoorlineError as error:
        yield _error("ingress", error)
    yield from _private("certificates_dir", Path(settings.certificates_dir), "0700")


def _managed_ingress(host: Host, registry: Registry) -> Finding:
    settings = host.config.ingress
    try:
        found = host.engine.inspect(settings.container)
    except NotFound:
        image = _image(registry, ImageRef.parse(settings.image))
        says = f"{settings.container} starts with the first service that needs it"
        return replace(image, check="ingress", says=f"{says}; {image.says}")
    if found.state != "running":
        mend = f"look into it: docker logs {settings.container}"
        return _fail("ingress", f"{settings.container} is {found.state}", mend)
    return _ok("ingress", f"{settings.container} is running")


def _existing_ingress(settings: IngressConfig) -> Finding:
    config = Path(settings.config_file)
    pid = Runtime(admin=Path(settings.admin_socket), master=Path(settings.master_socket)).pid()
    if not os.access(config.parent, os.W_OK | os.X_OK):
        mend = f"let moorline's user write to {config.parent}"
        return _fail("ingress", f"{config} cannot be written", mend)
    return _ok("ingress", f"HAProxy answers (pid {pid})")


# --- the state repo, what is in it, and the registries -------------------------------------------


def _git() -> Finding:
    try:
        done = subprocess.run(["git", "version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return _fail("git", "not found", "install it: apt-get install git")
    says = done.stdout.strip()
    if _version(says) < GIT:
        return _fail("git", says, f"upgrade it: git {GIT[0]}.{GIT[1]} is the least")
    return _ok("git", says)


def _state_repo(host: Host, registry: Registry) -> Iterator[Finding]:
    try:
        tip = host.repo.fetch()
    except MoorlineError as error:
        yield _error("state repo", error)
        return
    yield _ok("state repo", f"{host.config.repo.branch} is at {tip[:7]}")
    images: dict[str, ImageRef] = {}
    for name in host.config.environments:
        yield _environment(host, name, tip, images)
    for pin in sorted(images):
        yield _image(registry, images[pin])
    yield from _credentials(host.config, images.values())


def _environment(host: Host, name: str, tip: str, images: dict[str, ImageRef]) -> Finding:
    check = f"environment {name}"
    try:
        desired = Loader(host.config, host.repo, host.files).load(name, tip)
    except MoorlineError as error:
        return _error(check, error)
    images |= {each.service.image.pin: each.service.image for each in desired.workloads}
    return _ok(check, f"valid, services: {', '.join(desired.pins) or 'none'}")


def _image(registry: Registry, image: ImageRef) -> Finding:
    try:
        if registry.exists(image):
            return _ok("image", f"{image.unpinned} is there")
    except MoorlineError as error:
        return _error("image", error)
    mend = "pin one that is: 'moorline pin'"
    return _fail("image", f"{image} is not in the registry", mend)


def _credentials(config: Config, images: Iterable[ImageRef]) -> Iterator[Finding]:
    """Whoever names a repository for tags has to be let in to push them; anonymous hardly is."""
    named = {each.name: each for each in images if asked_for(each, config.registry.tags)}
    for name, image in sorted(named.items()):
        try:
            if _is_trusting(config, image.registry) or _has_credentials(config, image):
                continue
        except MoorlineError as error:
            yield _error("tags", error)
            continue
        says = f"{name} is named in [registry] tags, and there are no credentials for it"
        mend = (
            f"run 'docker login {image.registry}' as moorline's user, with a token that may push"
        )
        yield _warn("tags", says, mend)


def _is_trusting(config: Config, registry: str) -> bool:
    """Registries without TLS are mostly such as let everybody push."""
    local = registry.startswith(("localhost", "127."))
    return local or registry in config.registry.insecure


def _has_credentials(config: Config, image: ImageRef) -> bool:
    folder = Path(config.engine.docker_config) if config.engine.docker_config else None
    found = credentials_for(image.registry, repository=image.repository, docker_config=folder)
    return found is not None


# --- words ---------------------------------------------------------------------------------------


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ok(check: str, says: str) -> Finding:
    return Finding(check=check, standing="ok", says=says)


def _warn(check: str, says: str, mend: str) -> Finding:
    return Finding(check=check, standing="warn", says=says, mend=mend)


def _fail(check: str, says: str, mend: str) -> Finding:
    return Finding(check=check, standing="fail", says=says, mend=mend)


def _error(check: str, error: MoorlineError) -> Finding:
    return _fail(check, error.message, error.mend)
