#!/bin/bash
# Removes what an interrupted test run left on the engine: containers, networks, volumes and
# images whose name, Compose project or repository starts with our prefix. Nothing else, ever.
#
# usage: sweep.sh [PREFIX]
set -euo pipefail
prefix=${1:-moorline-test}

# stdin: "id name [project]" lines; prints the ids that are ours
ours() { awk -v p="$prefix" 'index($2, p) == 1 || index($3, p) == 1 {print $1}'; }
remove() { xargs --no-run-if-empty "$@" >/dev/null; }

project='{{.Label "com.docker.compose.project"}}'
docker ps --all --format "{{.ID}} {{.Names}} $project" | ours | remove docker rm --force --volumes
# an image says whose a container is, too, when a test named it otherwise
docker ps --all --format '{{.ID}} {{.Image}}' | ours | remove docker rm --force --volumes
docker network ls --format "{{.ID}} {{.Name}} $project" | ours | remove docker network rm
docker volume ls --format "{{.Name}} {{.Name}} $project" | ours | remove docker volume rm
docker image ls --format '{{.Repository}}:{{.Tag}} {{.Repository}}' | ours |
    remove docker image rm --force
