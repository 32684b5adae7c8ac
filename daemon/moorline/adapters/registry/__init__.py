"""Registries that speak the OCI distribution specification, asked over httpx.

Moorline asks a registry directly because that is several times cheaper than asking the engine to
ask it. Only manifests are looked at, never layers.

client.py   OciRegistry: the port
auth.py     challenges and access tokens
"""

from moorline.adapters.registry.client import OciRegistry

__all__ = ["OciRegistry"]
