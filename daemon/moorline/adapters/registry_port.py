"""What the agent needs of a registry, as Protocols: manifests and tags, and the versions of a
package.

Each raises RegistryUnreachable (RateLimited among them), AccessDenied, NotFound, and
RegistryRefused where the registry understood and declined; nothing else.
"""

from collections.abc import Callable
from typing import Protocol

from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Manifest
from moorline.core.retention.model import Version

__all__ = ["Packages", "Registry"]


class Registry(Protocol):
    """Any registry that speaks the OCI distribution specification. Layers are never moved."""

    def resolve(self, image: ImageRef) -> Digest:
        """The digest that a tag (or digest) names now; raises NotFound."""
        ...

    def exists(self, image: ImageRef) -> bool:
        """Whether the manifest is there."""
        ...

    def manifest(self, image: ImageRef) -> Manifest:
        """The exact bytes that a tag or digest names; what is asked for by digest is verified,
        and kept on disk for ever. Raises NotFound.
        """
        ...

    def put_manifest(self, image: ImageRef, manifest: Manifest) -> None:
        """Put exactly these bytes on the image's tag (or at its digest): an existing tag moves.
        What it refers to must be there: a missing blob raises RegistryRefused.
        """
        ...

    def put_blob(self, image: ImageRef, data: bytes) -> Digest:
        """Put a small blob into the image's repository, unless it is there."""
        ...

    def blob(self, image: ImageRef, digest: Digest) -> bytes:
        """A small blob (an image's config) of at most 4 MiB, verified and kept on disk."""
        ...

    def tags(self, image: ImageRef) -> tuple[str, ...]:
        """All tags of the image's repository, in no promised order; a repository that is not
        there raises NotFound, and a listing that breaks off raises instead of ending early.
        """
        ...

    def referrers(self, image: ImageRef) -> tuple[Digest, ...]:
        """Manifests whose subject is the image (with digest): from the API, or from the fallback
        tag where the registry has none.
        """
        ...

    def delete_tag(self, image: ImageRef) -> None:
        """Delete one tag and leave its manifest; RegistryRefused where that is not supported."""
        ...

    def delete_manifest(self, image: ImageRef) -> None:
        """Delete a manifest by digest, and with it all its tags; raises NotFound."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


class Packages(Protocol):
    """The versions of one package (a repository): GitHub's Packages API, or a plain registry.

    `image` names the repository; its tag and digest do not matter.
    """

    def versions(
        self, image: ImageRef, progress: Callable[[int], None] = lambda _: None
    ) -> tuple[Version, ...]:
        """All of them, each digest once, or an error: never a part. `progress` hears how many so
        far. A plain registry shows only what has a tag. Raises NotFound for an unknown package.
        """
        ...

    def look(self, image: ImageRef, version: Version) -> Version | None:
        """The same version as it is now: its tags may have moved. None where it is gone."""
        ...

    def delete(self, image: ImageRef, version: Version) -> None:
        """Delete one version with all its tags; one that is gone already raises NotFound."""
        ...

    def untag(self, image: ImageRef, tag: str) -> None:
        """Take one tag off and leave its version; RegistryRefused where the registry cannot, and
        the tag has to be moved to something else that can be deleted.
        """
        ...

    def find(self, image: ImageRef, digest: Digest) -> Version | None:
        """The version with this digest, the newest looked at first; None where there is none."""
        ...

    def restore(self, image: ImageRef, version: Version) -> None:
        """Bring a deleted version back by its id, tags included where the registry kept them;
        RegistryRefused where only putting its manifest again can do it, NotFound once it is too
        late.
        """
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...
