# shellcheck shell=bash
# Debian packages for the scripts beside this file, which source it.

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# Once per run at most: it is the slowest thing here.
apt_refresh() {
    [ -z "${apt_fresh:-}" ] || return 0
    apt-get update -qq >&2
    apt_fresh=yes
}

# Installs packages without letting them start a service: what has to run, these scripts start,
# and a developer's machine does not get an SSH daemon for the asking.
apt_install() {
    local policy=/usr/sbin/policy-rc.d log ours='' status=0
    export DEBIAN_FRONTEND=noninteractive
    apt_refresh
    say "installing $*"
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    log=$(mktemp)
    apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || status=$?
    [ -z "$ours" ] || rm -f "$policy"
    [ "$status" = 0 ] || tail -n 20 "$log" >&2
    rm -f "$log"
    [ "$status" = 0 ] || die "apt-get could not install $*"
}

# deb_unpack PACKAGE FOLDER [REPOSITORY SUITE]: the package's files, nothing installed. Works
# without root. With a repository and suite, from there instead of the machine's own sources;
# apt still verifies the archive's signature.
deb_unpack() {
    local package=$1 folder=$2 scratch options status=0
    scratch=$(mktemp -d)
    mkdir -p "$scratch"/{deb,lists/partial,cache/archives/partial,none}
    options=(-qq -o "APT::Sandbox::User=$(id -un)" -o "Dir::Cache=$scratch/cache")
    if [ $# -gt 2 ]; then
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $3 $4 main" \
            >"$scratch/sources.list"
        options+=(-o "Dir::Etc::sourcelist=$scratch/sources.list" -o Dir::Etc::sourceparts=-
            -o "Dir::Etc::preferencesparts=$scratch/none")
    fi
    (
        cd "$scratch/deb"
        if [ $# -gt 2 ] || ! apt-get "${options[@]}" download "$package" 2>/dev/null; then
            # the machine's lists lack it, or nobody has fetched any: fetch lists of our own
            options+=(-o "Dir::State::Lists=$scratch/lists")
            apt-get "${options[@]}" update
            apt-get "${options[@]}" download "$package"
        fi
        dpkg-deb --extract "$package"_*.deb "$folder"
    ) >&2 || status=$?
    rm -rf "$scratch"
    return "$status"
}
