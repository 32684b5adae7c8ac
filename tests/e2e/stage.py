"""A stage for scenarios: a state repo, a host with a real engine, and the daemon as a process.

A scenario reads as steps and checks. Every wait has a condition and a deadline.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import docker
import yaml

from moorline.core.image import ImageRef
from moorline.core.records import Summary, summarise
from tests.parts.git import Clone, Remote

__all__ = ["Daemon", "Stage", "eventually", "service"]

DEADLINE = 40.0
LABEL = "com.docker.compose.project"


def eventually(condition: Callable[[], object], what: str, *, within: float = DEADLINE) -> None:
    """Wait until `condition` returns something true; fails with `what` after `within` seconds."""
    deadline = time.monotonic() + within
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = condition()
        except (AssertionError, LookupError) as error:
            last = error
        else:
            if last:
                return
        # a look is cheap; this only keeps the machine free for what is looked at
        time.sleep(0.05)
    raise AssertionError(f"not within {within:.0f} s: {what} (last look: {last})")


def service(image: ImageRef, **keys: object) -> dict[str, object]:
    """A service of an environment file, quick to prove."""
    settings = {"health": {"stability": "300ms", "deadline": "6s"}}
    healthcheck = {
        "test": ["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:3000/health"],
        "interval": "200ms",
        "timeout": "2s",
        "retries": 3,
    }
    given = {"image": str(image), "x-moorline": settings, "healthcheck": healthcheck}
    given["stop_grace_period"] = "2s"
    return {name: value for name, value in (given | keys).items() if value is not None}


class Daemon:
    """`moorline run` as a process."""

    def __init__(self, stage: "Stage", command: Sequence[str]) -> None:
        self._log = stage.folder / f"daemon-{uuid.uuid4().hex[:6]}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=stage.environ()
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE)


class Stage:
    """One host and one state repo with one environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = f"e{uuid.uuid4().hex[:8]}"
        self.remote = Remote(folder / "state.git")
        self.api = docker.APIClient()
        self.config = folder / "agent.toml"
        self._daemons: list[Daemon] = []
        self.configure()

    # --- the host ---

    def configure(self, *, url: str = "", poll: str = "500ms") -> None:
        """Write the agent's configuration."""
        self.config.write_text(
            f'host = "host-1"\nenvironments = ["{self.environment}"]\n'
            f'state_dir = "{self.folder}/state"\nruntime_dir = "{self.folder}/run"\n'
            f'secrets_dir = "{self.folder}/secrets"\nenv_file = "{self.folder}/{{environment}}.env"\n'
            f'[repo]\nurl = "{url or self.remote.url}"\npoll_interval = "{poll}"\n',
        )

    def environ(self) -> dict[str, str]:
        return {**os.environ, "NO_COLOR": "1", "HOME": str(self.folder)}

    def daemon(self, *, program: Sequence[str] = ("-m", "moorline")) -> Daemon:
        """Start the daemon."""
        command = [sys.executable, *program, "--config", str(self.config), "run"]
        daemon = Daemon(self, command)
        self._daemons.append(daemon)
        return daemon

    def moorline(self, *words: str, within: float = 90) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "moorline", "--config", str(self.config), *words],
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            env=self.environ(),
        )

    def close(self) -> None:
        """End what was started and remove what was made."""
        for daemon in self._daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        for found in self.containers():
            self.api.remove_container(found["Id"], force=True, v=True)
        filters = {"label": [f"moorline.environment={self.environment}"]}
        for network in self.api.networks(filters=filters):
            self.api.remove_network(network["Id"])
        for volume in self.api.volumes(filters=filters)["Volumes"] or []:
            self.api.remove_volume(volume["Name"])
        self.api.close()

    # --- what people do ---

    @property
    def path(self) -> str:
        return f"environments/{self.environment}.yaml"

    def push(
        self,
        services: Mapping[str, object],
        message: str = "change",
        **top: object,
    ) -> str:
        """Commit and push the environment file; returns the sha."""
        text = yaml.safe_dump({"services": dict(services), **top}, sort_keys=False)
        return self.push_text(text, message)

    def push_text(self, text: str, message: str = "change") -> str:
        """The same with the file's text as it is."""
        return self.remote.commit({self.path: text}, message)

    def revert(self, sha: str) -> str:
        """`git revert` and push."""
        clone: Clone = self.remote.clone(self.folder / f"clone-{uuid.uuid4().hex[:6]}")
        clone.git("revert", "--no-edit", sha)
        return clone.push()

    # --- what can be seen ---

    def containers(self, name: str = "") -> list[dict[str, object]]:
        """Containers of the environment (of one service), newest first."""
        labels = [f"{LABEL}={self.environment}"]
        if name:
            labels.append(f"com.docker.compose.service={name}")
        return list(self.api.containers(all=True, filters={"label": labels}))

    def running(self, name: str) -> str:
        """The pin that runs as service `name`, "" where not exactly one container does."""
        found = [each for each in self.containers(name) if each["State"] == "running"]
        return str(found[0]["Labels"]["moorline.image"]) if len(found) == 1 else ""  # type: ignore[index]

    def settled(self, name: str, image: ImageRef) -> bool:
        """Whether the service runs `image` in one container, under its settled name."""
        found = self.containers(name)
        names = [each["Names"] for each in found]
        return self.running(name) == image.pin and names == [[f"/{self.environment}-{name}-1"]]

    def history(self) -> list[Summary]:
        """Every record on the history branch, oldest first."""
        branch = f"history/{self.environment}/host-1"
        if self.remote.tip(branch) is None:
            return []
        paths = [p for p in self.remote.files(branch) if p.endswith(".yaml")]
        found = [summarise(self.remote.show(branch, path).encode()) for path in paths]
        return sorted((each for each in found if each), key=lambda each: each.id)

    def deployments(self) -> list[tuple[str, str]]:
        """(commit, outcome) of every deployment record, oldest first."""
        return [(r.commit, r.outcome) for r in self.history() if r.kind == "deployment"]

    def record(self, commit: str) -> dict[str, object]:
        """The deployment record of a commit, whole."""
        branch = f"history/{self.environment}/host-1"
        for path in self.remote.files(branch):
            if path.startswith("deployments/"):
                data = yaml.safe_load(self.remote.show(branch, path))
                if data["state_commit"] == commit:
                    return dict(data)
        raise LookupError(f"no record of {commit}")

    def wait_deployed(self, commit: str, outcome: str = "proven", *, within: float = 40) -> None:
        """Wait for the record of a deployment on the history branch."""
        eventually(
            lambda: (commit, outcome) in self.deployments(),
            f"a record that {commit[:7]} is {outcome}; there are {self.deployments()}",
            within=within,
        )

    def status(self) -> dict[str, object]:
        """`moorline status --json`."""
        done = self.moorline("status", self.environment, "--json")
        return dict(json.loads(done.stdout))
