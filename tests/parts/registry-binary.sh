#!/bin/bash
# The CNCF registry's binary, for tests, demo and bench: on PATH, or else Debian's package
# unpacked into .tools/bin. Not installed, because the package would start a service on port 5000.
# Prints the path of the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parts/apt.sh

binary=$PWD/.tools/bin/docker-registry
command -v docker-registry && exit
if [ ! -x "$binary" ]; then
    command -v apt-get >/dev/null ||
        die "no docker-registry on PATH: install the CNCF registry under that name"
    say "unpacking docker-registry into .tools/bin"
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    deb_unpack docker-registry "$unpacked" || die "the package docker-registry cannot be had"
    install -D -m 755 "$unpacked/usr/bin/docker-registry" "$binary"
fi
echo "$binary"
