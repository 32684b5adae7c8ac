#!/bin/bash
# wrk, the load generator of `make bench`: the one on PATH, or else Debian's package, which starts
# nothing. Prints the path of the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parts/apt.sh

if ! command -v wrk >/dev/null; then
    is_root && command -v apt-get >/dev/null ||
        die "no wrk on PATH, and only root can install it: sudo apt-get install wrk"
    apt_install wrk
fi
command -v wrk
