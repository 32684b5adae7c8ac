"""The Docker Engine, spoken to with the low-level client of the Docker SDK.

failures.py   the one map from the SDK's exceptions to ours
client.py     connections: opened on first use, API version negotiated, one client per role
reading.py    the engine's JSON → our values
pulling.py    pulls by digest, line by line
hooks.py      commands inside a container
images.py     images by their names, and the space that is left
events.py     the subscription that wakes the loop
docker.py     DockerEngine: the port, put together from these
"""

from moorline.adapters.engine.docker import DockerEngine

__all__ = ["DockerEngine"]
