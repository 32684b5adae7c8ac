"""Certificates that end TLS: the host's files, and the copies that HAProxy reads.

A copy is named after its content, so that a renewed one that HAProxy refuses changes nothing.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from moorline.adapters.ingress import files
from moorline.adapters.ingress.model import Entry, Environments
from moorline.adapters.ingress.names import certificate_name
from moorline.adapters.ingress.render import Layout
from moorline.core.traffic import Listener
from moorline.errors import EngineRefused

__all__ = ["Certificates"]


class Certificates:
    """`<source>/<name>.pem`: certificate, chain and key, copied to where the layout says."""

    def __init__(self, source: Path, layout: Layout) -> None:
        self._source = source
        self._layout = layout

    def copy(self, listeners: Iterable[Listener]) -> dict[str, str]:
        """Copy what listeners need; returns name → digest. Raises EngineRefused for a missing
        one.
        """
        names = sorted({each.certificate for each in listeners if each.certificate})
        return {name: self._copy(name) for name in names}

    def renewed(self, entry: Entry) -> bool:
        """Whether the host has another certificate than the one in force. One that is missing or
        cannot be read is no reason to touch what works.
        """
        return any(
            self._on_host(name) not in {digest, None}
            for name, digest in entry.certificates.items()
        )

    def sweep(self, environments: Environments) -> None:
        """Remove copies that no entry uses: they hold private keys."""
        used = {
            self._layout.certificate(name, digest)
            for entries in environments.values()
            for entry in entries.values()
            for name, digest in entry.certificates.items()
        }
        for path in (self._layout.folder / "certificates").glob("*.pem"):
            if path not in used:
                files.remove(path)

    def _copy(self, name: str) -> str:
        path = self._path(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            mend = "put certificate, chain and key into this file, readable by moorline's user"
            raise EngineRefused(f"certificate {path}: {error.strerror}", mend=mend) from None
        digest = hashlib.sha256(data).hexdigest()
        copy = self._layout.certificate(name, digest)
        files.make_folder(copy.parent)
        files.write(copy, data)
        return digest

    def _on_host(self, name: str) -> str | None:
        try:
            return hashlib.sha256(self._path(name).read_bytes()).hexdigest()
        except OSError:
            return None

    def _path(self, name: str) -> Path:
        return self._source / f"{certificate_name(name)}.pem"
