"""The HAProxy of this host: a container that moorline keeps there, or one that people run.

The container uses the host's network, so that what it listens on changes by a reload and every
container is reached by its own address. Its user is root without privileges but one, so that it
may listen on ports below 1024, and the daemon's group, so that both may use one folder.
"""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from moorline.adapters.ingress import HaproxyIngress, Keeper, NoIngress
from moorline.adapters.ingress_port import Ingress
from moorline.adapters.ports import Engine
from moorline.agent.config import Config, IngressConfig
from moorline.core.image import ImageRef
from moorline.core.model import Hook, Inspection
from moorline.core.values import JsonObject, fingerprint
from moorline.errors import EngineRefused, ForeignContainer, NotFound

__all__ = [
    "ExistingHaproxy",
    "ManagedHaproxy",
    "ingress_folder",
    "look_at_ingress",
    "open_ingress",
]

LABEL = "moorline.ingress"
FOLDER_LABEL = "moorline.ingress.folder"
_SOFT_STOP = 30.0
_PATIENCE = 10.0
_STEP = 0.05
_MOST_WORDS = 300
_ALERT = re.compile(r"^\[ALERT\]\s+(?:\(\d+\) : )?(?:config : )?(.*)$", re.MULTILINE)


def ingress_folder(config: Config) -> Path:
    """Where routes, HAProxy's configuration, its maps and its sockets are."""
    return Path(config.state_dir, "ingress")


def open_ingress(config: Config, engine: Engine) -> Ingress:
    """The configured ingress; it touches nothing before the first route."""
    settings = config.ingress
    if settings.image:
        return _ingress(config, ManagedHaproxy(settings, ingress_folder(config), engine))
    return _ingress(config, ExistingHaproxy(settings.check))


def look_at_ingress(config: Config) -> Ingress:
    """The same for whoever only looks: it starts and writes nothing."""
    return _ingress(config, None)


def _ingress(config: Config, keeper: Keeper | None) -> Ingress:
    settings, folder = config.ingress, ingress_folder(config)
    certificates = Path(settings.certificates_dir)
    if settings.image:
        return HaproxyIngress(folder, keeper=keeper, certificates=certificates)
    if not settings.admin_socket:
        return NoIngress()
    return HaproxyIngress(
        folder,
        keeper=keeper,
        certificates=certificates,
        admin=Path(settings.admin_socket),
        master=Path(settings.master_socket),
        config=Path(settings.config_file),
    )


class ExistingHaproxy(Keeper):
    """One that people run; `check` is the command that looks at a file."""

    def __init__(self, check: Sequence[str]) -> None:
        self._check = check

    def keep(self) -> None:
        """It is kept by whoever runs it."""

    def check(self, config: Path) -> str:
        command = [word.replace("{file}", str(config)) for word in self._check]
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineRefused(f"{command[0]}: {error}", mend="mend [ingress] check") from None
        return _complaint(done.returncode, done.stdout.decode(errors="replace"))


class ManagedHaproxy(Keeper):
    """One container, made anew when its image or settings change.

    The new one is started beside the old one, takes its listening sockets over, and gets its name
    once the old one has ended its sessions. Whoever is killed in between goes on from there.
    """

    def __init__(self, settings: IngressConfig, folder: Path, engine: Engine) -> None:
        self._engine = engine
        self._folder = folder
        self._name = settings.container
        self._image = ImageRef.parse(settings.image)

    def keep(self) -> None:
        present = self._find(self._name)
        if present is not None and not self._is_wanted(present):
            self._replace(present)
        elif present is not None:
            self._start(present)
        else:
            self._engine.start(self._successor(self._name))

    def check(self, config: Path) -> str:
        command = ("haproxy", "-c", "-f", str(config))
        return _complaint(*self._engine.run_hook(self._name, Hook(command=command)))

    def _replace(self, old: Inspection) -> None:
        self._folder.joinpath("master.sock").unlink(missing_ok=True)
        successor = self._successor(f"{self._name}-next")
        self._engine.start(successor)
        if not self._listens(successor):
            said = " ".join(self._engine.logs(successor, lines=3))
            self._engine.remove(successor)
            raise EngineRefused(
                f"{self._image} does not run as the ingress: {said[:_MOST_WORDS]}",
                mend="the one before goes on; mend [ingress] in the agent's configuration",
            )
        self._engine.stop(old.id, grace=_SOFT_STOP)
        self._engine.remove(old.id)
        self._engine.rename(successor, self._name)

    def _successor(self, name: str) -> str:
        """A container as wanted, perhaps one that was left half way."""
        other = f"{self._name}-next"
        left = self._find(other)
        if left is not None and self._is_wanted(left):
            self._engine.rename(left.id, name)
            return left.id
        if left is not None:
            self._engine.remove(left.id)
        return self._create(name)

    def _create(self, name: str) -> str:
        request = self._request()
        labels = {LABEL: fingerprint(request), FOLDER_LABEL: str(self._folder)}
        body: JsonObject = {**request, "Labels": labels}
        try:
            return self._engine.create_container(name, body)
        except NotFound:
            self._engine.pull(self._image, lambda _progress: None)
            return self._engine.create_container(name, body)

    def _listens(self, container: str) -> bool:
        """Whether its master has made its socket, and its worker did not take it down again."""
        end = time.monotonic() + _PATIENCE
        while not self._folder.joinpath("master.sock").exists():
            if time.monotonic() > end:
                return False
            time.sleep(_STEP)
        state = self._engine.inspect(container)
        return state.state == "running" and state.restart_count == 0

    def _start(self, present: Inspection) -> None:
        if present.state != "running":
            self._engine.start(present.id)

    def _find(self, name: str) -> Inspection | None:
        try:
            found = self._engine.inspect(name)
        except NotFound:
            return None
        if found.labels.get(FOLDER_LABEL) != str(self._folder):
            raise ForeignContainer(
                f"the container {name} is not this moorline's ingress",
                mend="remove it, or set another name as [ingress] container",
            )
        return found

    def _is_wanted(self, found: Inspection) -> bool:
        return found.labels.get(LABEL) == fingerprint(self._request())

    def _request(self) -> JsonObject:
        folder = str(self._folder)
        return {
            "Image": str(self._image),
            "Entrypoint": ["haproxy"],
            # -x: take the listening sockets over from a predecessor, where there is one
            "Cmd": [
                *("-W", "-S", f"{folder}/master.sock,mode,660"),
                *("-x", f"{folder}/admin.sock", "-f", f"{folder}/haproxy.cfg"),
            ],
            "User": f"0:{os.getegid()}",
            "StopSignal": "SIGUSR1",
            "HostConfig": {
                "NetworkMode": "host",
                "RestartPolicy": {"Name": "always"},
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "CapAdd": ["NET_BIND_SERVICE"],
                "SecurityOpt": ["no-new-privileges"],
                "Mounts": [{"Type": "bind", "Source": folder, "Target": folder}],
            },
        }


def _complaint(status: int, output: str) -> str:
    if status == 0:
        return ""
    alerts = _ALERT.findall(output)
    return " ".join("; ".join(alerts or [output]).split())[:_MOST_WORDS] or f"exit code {status}"
