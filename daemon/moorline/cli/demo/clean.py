"""The one way of removing what the demo made: a script, so that a person can run it as well.

It is written before anything is made, and so is there whatever happens to the demo.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from moorline.cli.demo.processes import run

__all__ = ["NAME", "clean", "write_script"]

NAME = "clean.sh"
_SCRIPT = """#!/bin/sh
# Removes everything that this demo made: programs, containers, networks, images, this folder.
folder={folder}
export DOCKER_HOST={engine}

# the programs first: a daemon would repair what we remove
for pid in $(cat "$folder"/*.pid 2>/dev/null); do
    tries=0
    # an id may belong to somebody else by now
    while grep -qsF "$folder" "/proc/$pid/cmdline" && [ $tries -lt 100 ]; do
        kill "$pid" 2>/dev/null
        tries=$((tries + 1))
        sleep 0.1
    done
done

ours="label=moorline.environment={environment}"
ingress="label=moorline.ingress.folder=$folder/host/state/ingress"
images="reference={images}"
{{
    docker ps --all --quiet --filter "$ours" | xargs -r docker rm --force --volumes
    docker ps --all --quiet --filter "$ingress" | xargs -r docker rm --force
    docker network ls --quiet --filter "$ours" | xargs -r docker network rm
    docker images --quiet --filter "$images" | sort -u | xargs -r docker rmi --force
}} >/dev/null
rm -rf "$folder"
"""


def write_script(folder: Path, *, engine: str, environment: str, images: str) -> Path:
    """Write the script; `images` is the name that all of them have."""
    script = folder / NAME
    script.write_text(
        _SCRIPT.format(
            folder=shlex.quote(str(folder)),
            engine=shlex.quote(engine),
            environment=environment,
            images=images,
        )
    )
    return script


def clean(script: Path, env: Mapping[str, str]) -> None:
    """Run it."""
    run(["sh", str(script)], env={**env, "PATH": os.environ["PATH"]}, cwd=Path("/"))
