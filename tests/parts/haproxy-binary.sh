#!/bin/bash
# HAProxy for tests, demo and bench: Debian's package and the libraries that it lacks here, unpacked
# into .tools/haproxy. Not installed, because the package would start a service.
# Prints the path of the binary; it runs with LD_LIBRARY_PATH set to the folder lib beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parts/apt.sh

folder=$PWD/.tools/haproxy

missing_libraries() { LD_LIBRARY_PATH=$1/lib ldd "$1/haproxy" | awk '/not found/ {print $1}'; }

# Debian names a library's package after its file: liblua5.3.so.0 is in liblua5.3-0, libssl.so.3 in
# libssl3, and some gained a t64 when time became 64 bits wide.
packages_of() {
    local name=${1%%.so.*} version=${1##*.so.}
    [[ $name != *[0-9] ]] || name+=-
    echo "${name//_/-}$version" "${name//_/-}${version}t64"
}

unpack_library() {
    local package unpacked
    for package in $(packages_of "$1"); do
        unpacked=$(mktemp -d)
        if deb_unpack "$package" "$unpacked" 2>/dev/null; then
            find "$unpacked" -name '*.so.*' -exec cp -L --target-directory "$2/lib" {} +
            rm -rf "$unpacked"
            return
        fi
        rm -rf "$unpacked"
    done
    die "the library $1 cannot be had"
}

unpack() {
    local made package library round
    made=$(mktemp -d .tools/haproxy.XXXXXX)
    package=$(mktemp -d)
    chmod 755 "$made"
    mkdir "$made/lib"
    deb_unpack haproxy "$package" || die "the package haproxy cannot be had"
    install -m 755 "$package/usr/sbin/haproxy" "$made/haproxy"
    rm -rf "$package"
    # what a library needs itself shows only once it is there
    for round in 1 2 3; do
        for library in $(missing_libraries "$made"); do unpack_library "$library" "$made"; done
    done
    [ -z "$(missing_libraries "$made")" ] || die "after $round rounds libraries are missing still"
    mv --no-target-directory "$made" "$folder" || die "$folder is in the way"
}

if [ ! -x "$folder/haproxy" ]; then
    command -v apt-get >/dev/null || die "no apt-get here to fetch HAProxy with"
    say "unpacking haproxy into .tools/haproxy"
    mkdir -p .tools
    exec 9>.tools/haproxy.lock
    flock 9
    [ -x "$folder/haproxy" ] || unpack
fi
echo "$folder/haproxy"
