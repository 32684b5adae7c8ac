"""What this very host asks for: its containers, running or not, and what it would go back to."""

from pathlib import Path

from moorline.adapters.ports import Engine
from moorline.agent.config_model import Config
from moorline.agent.durable.memory import MemoryFile
from moorline.agent.durable.pulled import PulledFile
from moorline.core.retention.pinned import digests

__all__ = ["host_pins"]

KEPT = "kept on this host to go back to"
USED = "used by a container on this host"


def host_pins(engine: Engine | None, config: Config) -> dict[str, str]:
    """Digest → why it may not go. Containers count whatever tool made them."""
    kept = {digest: KEPT for name in _kept(config) for digest in digests(name.encode())}
    if engine is None:
        return kept
    used = {digest: USED for name in _used(engine, config) for digest in digests(name.encode())}
    return kept | used


def _kept(config: Config) -> list[str]:
    """What `agent/images.py` keeps, and what a takeback would start."""
    folder = Path(config.state_dir)
    names: list[str] = []
    for needs in PulledFile(folder).load().environments.values():
        names += [*needs.wanted, *(pin for pins in needs.proven.values() for pin in pins)]
    for environment in config.environments:
        memory = MemoryFile(folder, environment).load()
        for state in (memory.proven, memory.refuge()):
            names += state.pins.values() if state else ()
    return names


def _used(engine: Engine, config: Config) -> list[str]:
    names: list[str] = []
    for image in engine.local_images():
        if image.in_use:
            names += [image.id, *image.pins]
    # an image whose name somebody took away by force is in no list; its container knows its pin
    for environment in config.environments:
        names += [each.pin for each in engine.observe(environment, ()).containers]
    return names
