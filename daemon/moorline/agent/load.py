"""From a commit to `Desired`: read, interpolate, parse, and store what its services mount."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from moorline.adapters.ports import FileStore
from moorline.adapters.staterepo_port import Blob, StateRepo
from moorline.agent.config import Config
from moorline.agent.durable.memory import Proven
from moorline.core import compose
from moorline.core.compose import dotenv
from moorline.core.desired import Desired, StoredFile, build_desired, with_specs
from moorline.core.model import Environment, FileMount, FileSource
from moorline.errors import InvalidConfig, NotFound, Stalled

__all__ = ["Loader", "environment_path"]

MINIMUM_SECRET = 4
"""Shorter values are not masked: they would blacken half of every log."""


def environment_path(environment: str) -> str:
    """Where an environment's file lies in the state repo."""
    return f"environments/{environment}.yaml"


@dataclass(frozen=True, slots=True)
class _Files(Mapping[str, bytes]):
    """Files that a Compose file may name: of the repository at a commit, or of the host."""

    repo: StateRepo
    files: FileStore
    commit: str

    def __getitem__(self, path: str) -> bytes:
        try:
            if path.startswith("/"):
                return self.files.read_host(path)
            blob = self.repo.read(self.commit, path)
        except NotFound:
            raise KeyError(path) from None
        if blob is None:
            raise KeyError(path)
        return blob.data

    def __iter__(self) -> Iterator[str]:
        raise TypeError("looked up by name only")

    def __len__(self) -> int:
        raise TypeError("looked up by name only")


class Loader:
    """Loads environments for one host."""

    def __init__(self, config: Config, repo: StateRepo, files: FileStore) -> None:
        self._config = config
        self._repo = repo
        self._files = files

    def load(self, environment: str, commit: str) -> Desired:
        """The environment at `commit`; raises InvalidEnvironment, NotFound or Stalled."""
        path = environment_path(environment)
        blob = self._repo.read(commit, path)
        if blob is None:
            mend = "nothing is removed; restore the file, or take the environment off this host"
            raise NotFound(f"{path} is not in the state repo at {commit[:7]}", mend=mend)
        return self.load_blob(environment, commit, blob, files_at=commit)

    def load_proven(self, environment: str, proven: Proven) -> Desired:
        """The last proven state, with the very specs that were proven; raises as `load` does."""
        return with_specs(self.load(environment, proven.commit), proven.specs)

    def load_blob(self, environment: str, commit: str, blob: Blob, *, files_at: str) -> Desired:
        """The same from a file already read; what it names is read at the commit `files_at`."""
        source = _Files(self._repo, self._files, files_at)
        parsed = compose.load(
            blob.data,
            path=environment_path(environment),
            variables=self._variables(environment),
            files=source,
        )
        contents = {each: self._content(each, source) for each in _used(parsed)}
        stored: dict[FileMount, StoredFile] = {}
        for service in parsed.services:
            for mount in service.files:
                content = contents[_source(parsed, mount)]
                stored[mount] = self._files.store(environment, mount, content)
        return build_desired(
            _with_secrets(parsed, contents), commit=commit, blob=blob.oid, files=stored
        )

    def _variables(self, environment: str) -> Mapping[str, str]:
        path = self._config.env_file.format(environment=environment)
        try:
            data = self._files.read_host(path)
        except NotFound:
            return {}
        try:
            return dotenv.parse(data, lambda _name: None)
        except dotenv.DotenvError as error:
            raise InvalidConfig(f"{path}: {error}") from None

    def _content(self, source: FileSource, files: _Files) -> bytes:
        where = f"{source.kind}s.{source.key}"
        match source.origin:
            case "content":
                return source.value.encode()
            case "external":
                return self._files.read_host(str(Path(self._config.secrets_dir, source.value)))
            case "repository" | "host":
                try:
                    return files[source.value]
                except KeyError:
                    raise Stalled(f"{where}: {source.value} does not exist") from None


def _used(environment: Environment) -> tuple[FileSource, ...]:
    used = {(mount.kind, mount.source) for each in environment.services for mount in each.files}
    return tuple(each for each in environment.files if (each.kind, each.key) in used)


def _source(environment: Environment, mount: FileMount) -> FileSource:
    return next(
        each for each in environment.files if (each.kind, each.key) == (mount.kind, mount.source)
    )


def _with_secrets(environment: Environment, contents: Mapping[FileSource, bytes]) -> Environment:
    """Count the contents of secrets among what is masked, line by line."""
    lines = {
        line.strip()
        for source, content in contents.items()
        if source.kind == "secret"
        for line in content.decode(errors="replace").splitlines()
    }
    secret = frozenset(line for line in lines if len(line) >= MINIMUM_SECRET)
    return replace(environment, sensitive=environment.sensitive | secret)
