#!/bin/bash
# Everything that `make demo` and `make test` need, and nothing twice: run it as often as you like.
#
# usage: setup.sh [packages|venv|all]
#   packages   Debian packages that are missing (root installs them; others are told the command)
#   venv       .venv with the dependencies of requirements.lock and moorline itself, editable
#   all        both, an engine that answers, a registry, HAProxy and Compose v2 (default)
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parts/apt.sh

oldest=3.11
stamp=.venv/moorline.stamp

new_enough() { "$1" -c "import sys; sys.exit(sys.version_info < (${oldest/./, }))" 2>/dev/null; }

version_of() {
    if command -v "$1" >/dev/null; then "$1" --version 2>&1 || true; else echo "not there"; fi
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# A dynamically linked busybox would need libraries that an image from scratch does not have.
static_busybox() { command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; }

missing_packages() {
    local python
    command -v python3 >/dev/null || [ -n "${PYTHON:-}" ] || echo python3
    python=$(find_python || echo python3)
    "$python" -c 'import ensurepip' 2>/dev/null || echo python3-venv
    command -v git >/dev/null || echo git
    command -v ssh-keygen >/dev/null || echo openssh-client
    [ -x /usr/sbin/sshd ] || echo openssh-server
    static_busybox || echo busybox-static
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
}

packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} != 0 ] || return 0
    if is_root && command -v apt-get >/dev/null; then
        apt_install "${missing[@]}"
        undo_ssh_autostart "${missing[@]}"
        return
    fi
    say "missing, and only root can install it. Please run:"
    say "    sudo apt-get install --no-install-recommends ${missing[*]}"
}

# The tests start sshd themselves, as a child, on a port of their own.
undo_ssh_autostart() {
    [[ " $* " == *" openssh-server "* && -d /run/systemd/system ]] || return 0
    systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true
}

# Two lines: where and with what .venv was made, and what was installed into it.
origin() { echo "$PWD $("$1" --version)"; }
contents() { cat requirements.lock pyproject.toml | sha256sum; }

up_to_date() {
    [ -x .venv/bin/moorline ] && .venv/bin/python -c '' 2>/dev/null &&
        [ "$(cat $stamp 2>/dev/null)" = "$(origin "$1"; contents)" ]
}

# Other pins only need an update; scripts in a folder that moved, or of another Python, are lost.
reusable() {
    [ "$(.venv/bin/python --version 2>&1)" = "$("$1" --version)" ] &&
        { [ ! -e $stamp ] || [ "$(head -n 1 $stamp)" = "$(origin "$1")" ]; }
}

venv() {
    local python options=(--clear)
    python=$(find_python) ||
        die "moorline needs Python $oldest or newer;" \
            "${PYTHON:-python3} is $(version_of "${PYTHON:-python3}")." \
            "Install a newer one and name it: make setup PYTHON=/path/to/python3"
    ! up_to_date "$python" || return 0
    say "filling .venv: $("$python" --version), $(grep -c '==' requirements.lock) locked packages"
    ! reusable "$python" || options=()
    "$python" -m venv "${options[@]}" .venv ||
        die "no virtual environment without the package python3-venv"
    origin "$python" >$stamp
    local pip=(.venv/bin/python -m pip --disable-pip-version-check -qq install --progress-bar off)
    "${pip[@]}" --require-hashes -r requirements.lock
    "${pip[@]}" --no-deps --no-build-isolation --editable .
    contents >>$stamp
}

all() {
    packages
    venv
    tests/parts/engine.sh 9>&- # a dockerd that inherits the lock would hold it for ever
    tests/parts/registry-binary.sh >/dev/null
    tests/parts/haproxy-binary.sh >/dev/null
    tests/parts/haproxy-binary.sh >/dev/null
    tests/parts/compose-v2.sh >/dev/null ||
        say "no Docker Compose v2 to be had: the comparison uses the recorded expectations"
}

case ${1:-all} in
    packages | venv | all) ;;
    *) die "usage: setup.sh [packages|venv|all]" ;;
esac
# Two makes at once: the second waits, and then finds everything done.
mkdir -p .tools
exec 9>.tools/setup.lock
flock 9
"${1:-all}"
[ $SECONDS -lt 2 ] || say "ready after $SECONDS s"
