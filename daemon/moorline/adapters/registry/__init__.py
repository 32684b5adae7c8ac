"""Registries that speak the OCI distribution specification, asked over HTTP.

Moorline asks a registry directly because that is several times cheaper than asking the engine to
ask it. Only manifests and configs are looked at, never layers.

client.py    OciRegistry: the port `Registry`
packages.py  OciPackages: the port `Packages` of a plain registry
session.py   a request to a registry, logged in as it asks for
auth.py      challenges and access tokens
blobs.py     small blobs up and down
paging.py    listings, page after page
failures.py  what an answer means that is no success
cache.py     manifests and configs on disk
"""

from moorline.adapters.registry.client import OciRegistry
from moorline.adapters.registry.packages import OciPackages

__all__ = ["OciPackages", "OciRegistry"]
