"""A stage for scenarios: a state repo, a host with a real engine, and the daemon as a process.

A scenario reads as steps and checks. Every wait has a condition and a deadline.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import docker
import yaml
from docker.errors import APIError

from moorline.core.image import ImageRef
from moorline.core.records import Summary, summarise
from tests.e2e.daemon import Daemon, eventually
from tests.parts.git import Remote

__all__ = [
    "CRASHING",
    "FAULTY",
    "SERVICE",
    "Container",
    "Daemon",
    "Stage",
    "eventually",
    "plain",
    "web",
]

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
GENERATED = 64
"""Length of the engine's names for volumes that nobody named."""
DAEMON = ("-m", "moorline")
CRASHING = (str(Path(__file__).with_name("crashing.py")),)
"""The daemon with a tripwire; see there."""
FAULTY = (str(Path(__file__).with_name("faulty.py")),)
"""The daemon on a host that can be told to misbehave; see there."""

Container = Mapping[str, Any]


def web(
    image: ImageRef, *, deadline: str = "30s", stability: str = "200ms", **keys: object
) -> dict[str, object]:
    """A service with a healthcheck, quick to prove; a key that is None is left out."""
    check = ["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:3000/health"]
    healthcheck = {"test": check, "interval": "200ms", "timeout": "5s", "retries": 3}
    given = {"healthcheck": healthcheck} | keys
    return plain(image, deadline=deadline, stability=stability, **given)


def plain(
    image: ImageRef, *, deadline: str = "30s", stability: str = "200ms", **keys: object
) -> dict[str, object]:
    """A service that is judged by staying up."""
    given = {
        "image": str(image),
        "stop_grace_period": "2s",
        "x-moorline": {"health": {"stability": stability, "deadline": deadline}},
    }
    return {name: value for name, value in (given | keys).items() if value is not None}


class Stage:
    """One host and one state repo with one environment."""

    def __init__(self, folder: Path, *, engine: str = "", ingress: str = "") -> None:
        """`engine` is the URL of another engine than this machine's own, `ingress` the image of
        the ingress, if the host is to have one.
        """
        self.folder = folder
        self.engine = engine
        self.environment = f"e{uuid.uuid4().hex[:8]}"
        self.ingress = f"{self.environment}-ingress"
        self._ingress_image = ingress
        self.remote = Remote(folder / "state.git")
        self.api = docker.APIClient(engine or None)
        self.config = folder / "agent.toml"
        self.state = folder / "state"
        self.daemons: list[Daemon] = []
        self._records: dict[str, bytes] = {}
        self.configure()

    # --- the host ---

    def configure(
        self, *, url: str = "", poll: str = "2s", also: Sequence[str] = (), extra: str = ""
    ) -> None:
        """Write the agent's configuration: `also` names more environments, and `extra` goes to
        the end, below `[repo]`.
        """
        names = ", ".join(f'"{each}"' for each in (*also, self.environment))
        parts = f'[engine]\nurl = "{self.engine}"\n' if self.engine else ""
        if self._ingress_image:
            parts += f'[ingress]\nimage = "{self._ingress_image}"\n'
            parts += f'container = "{self.ingress}"\n'
        self.config.write_text(
            f'host = "host-1"\nenvironments = [{names}]\n'
            f'state_dir = "{self.state}"\nruntime_dir = "{self.folder}/run"\n'
            f'secrets_dir = "{self.folder}/secrets"\n'
            f'env_file = "{self.folder}/{{environment}}.env"\n'
            f'{parts}[repo]\nurl = "{url or self.remote.url}"\npoll_interval = "{poll}"\n{extra}',
        )

    def environ(self) -> dict[str, str]:
        root = str(Path(__file__).parents[2])
        words = {"NO_COLOR": "1", "PYTHONPATH": root, "PYTHONFAULTHANDLER": "1"}
        return {**os.environ, **words, "HOME": str(self.folder)}

    def start(self, program: Sequence[str] = DAEMON) -> Daemon:
        """Start the daemon; returns once it runs."""
        daemon = self.launch(program)
        daemon.wait_for("running")
        return daemon

    def launch(self, program: Sequence[str] = DAEMON, prefix: Sequence[str] = ()) -> Daemon:
        """Start the daemon without waiting for it; `prefix` is a program that runs it."""
        daemon = Daemon(
            [*prefix, sys.executable, *program, "--config", str(self.config), "run"],
            log=self.folder / f"daemon-{len(self.daemons)}.log",
            env=self.environ(),
        )
        self.daemons.append(daemon)
        return daemon

    def moorline(
        self, *words: str, prefix: Sequence[str] = (), within: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `prefix` is a program that runs it."""
        return subprocess.run(
            [*prefix, sys.executable, "-m", "moorline", "--config", str(self.config), *words],
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            env=self.environ(),
        )

    def close(self) -> None:
        """End what was started and remove what was made."""
        self.end_daemons()
        self._remove_containers()
        if self._ingress_image:
            self._remove_ingress()
        filters = {"label": [f"{PROJECT}={self.environment}"]}
        # an engine in which a start and a removal met loses count, and keeps an empty network
        # until it is restarted
        with suppress(AssertionError):
            eventually(lambda: self._remove_networks(filters), "networks to be gone", within=10)
        for volume in self.api.volumes(filters=filters)["Volumes"] or []:
            self.api.remove_volume(volume["Name"])
        for tag in self.kept():
            self.api.remove_image(tag)
        self.api.close()

    def end_daemons(self) -> None:
        """End what was started, and leave what was made."""
        for daemon in self.daemons:
            if daemon.alive:
                daemon.kill()

    def _remove_networks(self, filters: Mapping[str, object]) -> bool:
        """Whether they are gone: a busy engine takes a moment to detach a removed container."""
        for network in self.api.networks(filters=filters):
            with suppress(APIError):
                self.api.remove_network(network["Id"])
        return not self.api.networks(filters=filters)

    def _remove_ingress(self) -> None:
        found = self.api.containers(all=True, filters={"name": [self.ingress]})
        for each in found:
            self.api.remove_container(each["Id"], force=True)

    def _remove_containers(self) -> None:
        found = [self.api.inspect_container(each["Id"]) for each in self.containers()]
        volumes = {mount["Name"] for each in found for mount in each["Mounts"] if "Name" in mount}
        for container in found:
            self.api.remove_container(container["Id"], force=True)
        for name in volumes:
            if len(name) == GENERATED:
                self.api.remove_volume(name)

    # --- what people do ---

    @property
    def path(self) -> str:
        return f"environments/{self.environment}.yaml"

    def text(self, services: Mapping[str, object], **top: object) -> str:
        """The environment file with these services."""
        return yaml.safe_dump({"services": dict(services), **top}, sort_keys=False)

    def push(self, services: Mapping[str, object], message: str = "change", **top: object) -> str:
        """Commit and push the environment file; returns the sha."""
        return self.push_text(self.text(services, **top), message)

    def push_text(self, text: str, message: str = "change") -> str:
        """The same with the file's text as it is."""
        return self.remote.commit({self.path: text}, message)

    def deploy(self, services: Mapping[str, object], **top: object) -> str:
        """Push, and wait until it is proven."""
        sha = self.push(services, **top)
        self.wait_deployed(sha)
        return sha

    def revert(self, sha: str) -> str:
        """`git revert` and push."""
        clone = self.remote.clone(self.folder / f"clone-{uuid.uuid4().hex[:6]}")
        clone.git("revert", "--no-edit", sha)
        return clone.push()

    def paused_at(self, change: str, push: Callable[[], str]) -> str:
        """Push, and return once a `FAULTY` daemon waits before a change, as `engine.start`."""
        (self.folder / "pause").write_text(change)
        commit = push()
        eventually((self.folder / "paused").exists, f"{change}\n{self.daemons[-1].log}")
        return commit

    def unpause(self) -> None:
        """Let it go on, where it waits."""
        (self.folder / "pause").unlink(missing_ok=True)

    # --- what can be seen on the host ---

    def containers(self, service: str = "") -> list[Container]:
        """Containers of the environment (of one service), running or not."""
        labels = [f"{PROJECT}={self.environment}"]
        labels += [f"{SERVICE}={service}"] if service else []
        return list(self.api.containers(all=True, filters={"label": labels}))

    def container(self, service: str) -> Container:
        """The inspection of a service's only container."""
        found = self.containers(service)
        assert len(found) == 1, [(each["Names"], each["State"]) for each in found]
        return dict(self.api.inspect_container(found[0]["Id"]))

    def ids(self) -> dict[str, str]:
        """Name → id and start time of every running container: equal where none was touched."""
        running = (each["Id"] for each in self.containers() if each["State"] == "running")
        found = [self.api.inspect_container(each) for each in running]
        return {each["Name"]: f"{each['Id']} {each['State']['StartedAt']}" for each in found}

    def running(self, service: str) -> list[str]:
        """The pins that run as a service."""
        found = [each for each in self.containers(service) if each["State"] == "running"]
        return [str(each["Labels"]["moorline.image"]) for each in found]

    def settled(self, service: str, image: ImageRef) -> bool:
        """Whether the service runs `image` in one container, under its settled name."""
        names = [each["Names"] for each in self.containers(service)]
        expected = [[f"/{self.environment}-{service}-1"]]
        return self.running(service) == [image.pin] and names == expected

    def wait_settled(self, service: str, image: ImageRef) -> float:
        """Wait until it is so; returns how long it took."""
        what = f"{service} on {image.tag}"
        return eventually(lambda: self.settled(service, image), what)

    def kept(self) -> list[str]:
        """The tags that keep images for the environment's next rollback, sorted."""
        mine = f"moorline.local/keep/{self.environment}/"
        tags = (tag for each in self.api.images() for tag in each["RepoTags"] or ())
        return sorted(tag for tag in tags if tag.startswith(mine))

    def answer(self, port: int) -> str:
        """What a port of this machine says to a GET; "" while it says nothing."""
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                return str(answer.read().decode().strip())
        except OSError:
            return ""

    def run_in(self, service: str, command: str) -> str:
        """What a shell command prints inside a service's container."""
        target = self.container(service)["Id"]
        return self.execute(str(target), command)

    def execute(self, target: str, command: str) -> str:
        """What a shell command prints inside a container."""
        made = self.api.exec_create(target, ["sh", "-c", command])
        output: bytes = self.api.exec_start(made["Id"])
        return output.decode()

    # --- what can be seen in git ---

    @property
    def history_branch(self) -> str:
        return f"history/{self.environment}/host-1"

    def records(self) -> Mapping[str, bytes]:
        """Path → bytes of every record on the history branch. A record never changes."""
        if self.remote.tip(self.history_branch) is None:
            return {}
        paths = [p for p in self.remote.files(self.history_branch) if p.endswith(".yaml")]
        for path in paths:
            if path not in self._records:
                self._records[path] = self.remote.show(self.history_branch, path).encode()
        return {path: self._records[path] for path in paths}

    def summaries(self, kind: str = "deployment") -> list[Summary]:
        """Every record of one kind, oldest first."""
        found = [summarise(data) for data in self.records().values()]
        return sorted((each for each in found if each and each.kind == kind), key=lambda s: s.id)

    def deployments(self) -> list[tuple[str, str]]:
        """(commit, outcome) of every deployment record, oldest first."""
        return [(each.commit, each.outcome) for each in self.summaries()]

    def record(self, commit: str, outcome: str = "") -> dict[str, Any]:
        """The deployment record of a commit, whole."""
        for data in self.records().values():
            found = yaml.safe_load(data)
            wanted = outcome in {"", found.get("outcome")}
            if found["kind"] == "deployment" and found["state_commit"] == commit and wanted:
                return dict(found)
        raise LookupError(f"no record of {commit}")

    def wait_deployed(self, commit: str, outcome: str = "proven", *, within: float = 40) -> None:
        """Wait for the record of a deployment on the history branch."""
        found: list[tuple[str, str]] = []

        def there() -> bool:
            found[:] = self.deployments()
            return (commit, outcome) in found

        try:
            eventually(there, f"{commit[:7]} to be {outcome} on record", within=within)
        except AssertionError as error:
            logs = "\n".join(each.log for each in self.daemons)
            raise AssertionError(f"{error}\nrecords: {found}\n{logs}") from None

    def main(self) -> list[tuple[str, str]]:
        """(author, subject) of every commit on main, newest first."""
        lines = self.remote.git("log", "--format=%an%x09%s", "main").splitlines()
        rows = (line.partition("\t") for line in lines)
        return [(author, subject) for author, _, subject in rows]

    def rollbacks(self) -> list[str]:
        """Subjects of the rollback commits on main, newest first."""
        return [subject for author, subject in self.main() if author.startswith("moorline")]

    # --- what moorline says ---

    def status(self) -> dict[str, Any]:
        """This environment's entry of `moorline status --json`."""
        done = self.moorline("status", self.environment, "--json")
        return dict(json.loads(done.stdout)["environments"][0])

    def memory(self) -> dict[str, Any]:
        """What the host remembers of the environment."""
        path = self.state / "environments" / f"{self.environment}.json"
        return dict(json.loads(path.read_text()))

    def wait_trouble(self, words: str) -> None:
        """Wait until the host says that this is wrong."""
        eventually(lambda: words in self.memory()["trouble"], f"trouble with {words!r}")
