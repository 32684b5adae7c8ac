#!/bin/bash
# Docker Compose v2, for the comparison between its containers and ours: the installed plugin, or
# else the binary of a package that carries it, unpacked into .tools. Prints how to call it.
# Exits 1 where it cannot be had: the comparison then runs against recorded expectations.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parts/apt.sh

binary=$PWD/.tools/docker-compose
plugin=usr/libexec/docker/cli-plugins/docker-compose

# shellcheck disable=SC2016  # the $(…) is a field for apt, not for the shell
debian_archive() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1
}

unpack() {
    # Ubuntu calls version 2 docker-compose-v2. Debian 12's docker-compose is version 1, which
    # reads another file format; that of Debian 13 has version 2 and runs there too.
    deb_unpack docker-compose-v2 "$1" 2>/dev/null && [ -e "$1/$plugin" ] && return
    deb_unpack docker-compose "$1" && [ -e "$1/$plugin" ] && return
    deb_unpack docker-compose "$1" "$(debian_archive)" trixie && [ -e "$1/$plugin" ]
}

if [ ! -x "$binary" ]; then
    if docker compose version >/dev/null 2>&1; then
        echo "docker compose"
        exit
    fi
    command -v apt-get >/dev/null || exit 1
    say "unpacking Docker Compose v2 into .tools"
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    unpack "$unpacked" || exit 1
    install -D -m 755 "$unpacked/$plugin" "$binary"
fi
"$binary" version >/dev/null && echo "$binary"
