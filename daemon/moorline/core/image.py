"""Image references and digests, as the OCI distribution specification writes them.

The grammar is that of the specification's name and tag productions, with the two habits of the
Docker CLI on top: a name without a registry lives on Docker Hub, and a Docker Hub name without a
namespace lives in `library/`.
"""

import re
from dataclasses import dataclass, replace

__all__ = ["Digest", "ImageRef", "is_digest", "is_tag"]

DOCKER_HUB = "docker.io"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_REGISTRY = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?",
    re.ASCII,
)
# Distribution's own limit on repository names, registry included.
_MAX_NAME = 255


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """`sha256:` and 64 lower-case hex digits; nothing else is ever a digest."""

    value: str

    def __post_init__(self) -> None:
        if not is_digest(self.value):
            raise ValueError(f"not a digest: {self.value!r} (sha256: and 64 hex digits)")

    def __str__(self) -> str:
        return self.value

    @property
    def short(self) -> str:
        """The first 12 hex digits, for people."""
        return self.value[7:19]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ImageRef:
    """A repository on a registry, with a tag, a digest, both or neither.

    `registry` and `repository` are normalised: `nginx` is `docker.io` and `library/nginx`.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> "ImageRef":
        """Read `[registry/]repository[:tag][@digest]`; raises ValueError with what is wrong."""
        name, at, digest_text = text.partition("@")
        digest = Digest(digest_text) if at else None
        name, tag = _split_tag(name)
        if tag is not None and not is_tag(tag):
            raise ValueError(f"not a tag: {tag!r}")
        registry, repository = _split_registry(name)
        if not _REGISTRY.fullmatch(registry):
            raise ValueError(f"not a registry: {registry!r}")
        if not _PATH.fullmatch(repository):
            raise ValueError(f"not a repository name: {repository!r} (lower case, a-z 0-9 . _ -)")
        if len(registry) + 1 + len(repository) > _MAX_NAME:
            raise ValueError(f"image name longer than {_MAX_NAME} characters")
        return cls(registry=registry, repository=repository, tag=tag, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """Registry and repository, normalised."""
        return f"{self.registry}/{self.repository}"

    def pinned(self, digest: Digest) -> "ImageRef":
        """The same name and tag, at `digest`."""
        return replace(self, digest=digest)

    def tagged(self, tag: str) -> "ImageRef":
        """The same name with that tag, and whatever it names."""
        return replace(self, tag=tag, digest=None)

    def at(self, digest: Digest) -> "ImageRef":
        """The same name at `digest`, whatever tag it may have."""
        return replace(self, tag=None, digest=digest)

    @property
    def unpinned(self) -> "ImageRef":
        """The same name and tag, and whatever that names."""
        return replace(self, digest=None)

    @property
    def pin(self) -> str:
        """What identifies the content: `name@digest`. Raises ValueError without a digest."""
        if self.digest is None:
            raise ValueError(f"{self} has no digest")
        return f"{self.name}@{self.digest}"


def is_digest(text: str) -> bool:
    """Whether it is `sha256:` and 64 lower-case hex digits."""
    # fullmatch, not match with `$`: that would let a trailing newline through
    return _DIGEST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether it follows the grammar of tags."""
    return _TAG.fullmatch(text) is not None


def _split_tag(name: str) -> tuple[str, str | None]:
    head, colon, tail = name.rpartition(":")
    # a colon before the last slash belongs to the registry's port
    if not colon or "/" in tail:
        return name, None
    return head, tail


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first.isupper())
    if not is_host:
        return DOCKER_HUB, name if slash else f"library/{name}"
    if first == "index.docker.io":
        first = DOCKER_HUB
    if first == DOCKER_HUB and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest
