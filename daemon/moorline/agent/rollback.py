"""A rollback that a person asks for: a commit on the state branch, and then its way to proven.

Nothing on a host is touched here. The commit is an ordinary one, made only if the file is still
the one that was looked at, and every host treats it as it treats any other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from moorline.adapters.ports import Clock
from moorline.adapters.registry_port import Registry
from moorline.adapters.staterepo_port import Blob, Commit, StateRepo
from moorline.agent.load import environment_path
from moorline.core.image import Digest, ImageRef
from moorline.core.pinning import read_images, replace_pin
from moorline.core.records import Summary, summarise
from moorline.core.review import review
from moorline.core.rollback import (
    Target,
    ToCommit,
    ToDigest,
    ToPrevious,
    ToShortDigest,
    ToTag,
    parse_target,
    previous_proven,
)
from moorline.errors import (
    InvalidEnvironment,
    NotFound,
    RegistryUnreachable,
    RemoteUnreachable,
    UsageError,
)

__all__ = ["Draft", "Request", "draft_rollback", "follow", "is_proven_everywhere", "records_of"]

POLL = 2.0
RECORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for; `by` is for the commit message."""

    environment: str
    to: str
    service: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The commit to make, if the file on the branch is still the blob `expected`."""

    path: str
    data: bytes
    expected: str
    goal: str
    message: str
    changes: bool


@dataclass(frozen=True, slots=True)
class _Goal:
    """The file to be; `words` and `trailers` say what it is, in a commit message."""

    data: bytes
    words: str
    trailers: tuple[tuple[str, str], ...]


def records_of(repo: StateRepo, environment: str) -> list[Summary]:
    """The newest records of all hosts, newest first, as of the last fetch."""
    entries = repo.history(f"{environment}/", limit=RECORDS)
    return [each for entry in entries if (each := summarise(entry.data))]


def draft_rollback(
    repo: StateRepo,
    registry: Registry,
    request: Request,
    *,
    whole: Callable[[ImageRef, str], Digest],
) -> Draft:
    """Find the target and make sure that it can be deployed; changes nothing anywhere. `whole`
    finds the digest of an image's repository that a text begins.

    Raises UsageError, NotFound, InvalidEnvironment, or RegistryUnreachable where it cannot be told
    whether the images still exist.
    """
    tip = repo.fetch()
    path = environment_path(request.environment)
    blob, change = repo.read(tip, path), repo.last_change(tip, path)
    if blob is None or change is None:
        raise NotFound(f"{path} is not in the state repo at {tip[:7]}")
    goal = _Search(repo, registry, whole, request, path, blob).find()
    problems = review(goal.data, path=path, files=_FilesAt(repo, tip))
    if problems:
        raise InvalidEnvironment(problems)
    _insist_on_images(registry, read_images(blob.data, path=path), goal, path)
    return Draft(
        path=path,
        data=goal.data,
        expected=blob.oid,
        goal=goal.words,
        message=_message(request, goal, change),
        changes=goal.data != blob.data,
    )


def follow(
    repo: StateRepo, clock: Clock, environment: str, commit: str, *, timeout: float
) -> Summary | None:
    """Wait for the first host's record of how the commit went; None when the time is up."""
    deadline = clock.monotonic() + timeout
    while True:
        with suppress(RemoteUnreachable):
            repo.fetch()
        for record in records_of(repo, environment):
            if record.kind == "deployment" and record.commit == commit:
                return record
        if clock.monotonic() >= deadline:
            return None
        clock.wait(POLL)


def is_proven_everywhere(records: Sequence[Summary], blob: str) -> bool:
    """Whether the file `blob` is what every host proved last: then no host has anything to do,
    and none will put anything on record.
    """
    newest: dict[str, str] = {}
    for record in sorted(records, key=lambda each: each.id):
        if record.kind == "deployment" and record.outcome == "proven":
            newest[record.host] = record.blob
    return set(newest.values()) == {blob}


# --- the target ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Search:
    """From the words of a request to the file that it means."""

    repo: StateRepo
    registry: Registry
    whole: Callable[[ImageRef, str], Digest]
    request: Request
    path: str
    present: Blob

    def find(self) -> _Goal:
        match self._target():
            case ToPrevious():
                records = records_of(self.repo, self.request.environment)
                found = previous_proven(self.request.environment, records, blob=self.present.oid)
                return self._at_commit(found.commit)
            case ToCommit(text=text):
                commit = self.repo.expand(text)
                return self._at_tag(text) if commit is None else self._at_commit(commit)
            case ToTag(tag=tag):
                return self._at_tag(tag)
            case ToDigest(digest=digest):
                service, image = self._service()
                return self._pinned(service, image.at(digest))
            case ToShortDigest(text=text):
                service, image = self._service()
                digest = self.whole(image, text)
                return self._pinned(service, image.at(digest))

    def _target(self) -> Target:
        try:
            return parse_target(self.request.to)
        except ValueError as error:
            raise UsageError(f"--to: {error}") from None

    def _at_commit(self, commit: str) -> _Goal:
        there = self.repo.read(commit, self.path)
        if there is None:
            mend = (
                f"'moorline history {self.request.environment}' lists commits that were deployed"
            )
            raise NotFound(f"{self.path} was not there at {commit[:7]}", mend=mend)
        trailers = (("State-Commit", commit),)
        service = self.request.service
        if service is None:
            return _Goal(there.data, commit[:7], trailers)
        image = read_images(there.data, path=self.path).get(service)
        if image is None:
            raise NotFound(f"{service} had no image at {commit[:7]}", mend="check its name")
        data = self._with(service, _parsed(service, image))
        return _Goal(data, f"{service} of {commit[:7]}", (("Service", service), *trailers))

    def _at_tag(self, tag: str) -> _Goal:
        service, image = self._service()
        tagged = replace(image, tag=tag, digest=None)
        try:
            digest = self.registry.resolve(tagged)
        except NotFound:
            raise NotFound(
                f"'{tag}' is neither a commit of the state branch nor a tag of {image.name}",
                mend=f"see 'moorline history {self.request.environment}'",
            ) from None
        return self._pinned(service, tagged.pinned(digest))

    def _pinned(self, service: str, image: ImageRef) -> _Goal:
        trailers = (("Service", service), ("Digest", str(image.digest)))
        words = f"{service} {image.tag or image.digest}"
        return _Goal(self._with(service, image), words, trailers)

    def _service(self) -> tuple[str, ImageRef]:
        """The service that a tag or a digest is for, and its present image."""
        images = read_images(self.present.data, path=self.path)
        names = [self.request.service] if self.request.service else list(images)
        if len(names) != 1:
            known = ", ".join(images)
            raise UsageError(
                f"a tag or a digest is for one service, and there are {len(names)} ({known})",
                mend="name it with --service",
            )
        if names[0] not in images:
            raise UsageError(
                f"there is no service '{names[0]}'", mend=f"there are {', '.join(images)}"
            )
        return names[0], _parsed(names[0], images[names[0]])

    def _with(self, service: str, image: ImageRef) -> bytes:
        return replace_pin(self.present.data, service, image, path=self.path)


def _parsed(service: str, image: str) -> ImageRef:
    try:
        return ImageRef.parse(image)
    except ValueError as error:
        raise UsageError(f"{service}: {error}", mend="edit the file by hand") from None


# --- whether it can be deployed ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FilesAt(Mapping[str, bytes]):
    """What the file may name: of the repository at a commit; a host's files count as there."""

    repo: StateRepo
    commit: str

    def __getitem__(self, path: str) -> bytes:
        if path.startswith("/"):
            return b""
        blob = self.repo.read(self.commit, path)
        if blob is None:
            raise KeyError(path)
        return blob.data

    def __iter__(self) -> Iterator[str]:
        raise TypeError("looked up by name only")

    def __len__(self) -> int:
        raise TypeError("looked up by name only")


def _insist_on_images(
    registry: Registry, present: Mapping[str, str], goal: _Goal, path: str
) -> None:
    for service, image in read_images(goal.data, path=path).items():
        if image == present.get(service) or "$" in image:
            continue
        try:
            there = registry.exists(_parsed(service, image))
        except RegistryUnreachable as error:
            mend = "nothing was changed; try again, or 'git revert' if the hosts have the image"
            raise RegistryUnreachable(error.message, mend=mend) from error
        if not there:
            mend = "go to a state whose images are still there"
            raise NotFound(f"{service}: {image} is not in the registry", mend=mend)


# --- the commit ----------------------------------------------------------------------------------


def _message(request: Request, goal: _Goal, change: Commit) -> str:
    trailers = (
        ("Environment", request.environment),
        *goal.trailers,
        ("Rollback-Of", change.sha),
        ("Requested-By", _one_line(request.by)),
    )
    lines = "\n".join(f"{key}: {value}" for key, value in trailers)
    title = f"Roll back {request.environment} to {goal.words}"
    body = f"Asked for as --to {_one_line(request.to)}, in place of {change.sha[:7]}."
    return f"{title}\n\n{body}\n\n{lines}\n"


def _one_line(text: str) -> str:
    printable = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(printable.split()) or "unknown"
