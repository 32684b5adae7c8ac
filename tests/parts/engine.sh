#!/bin/bash
# A Docker Engine that answers: the one there is, or Debian's, started and waited for.
# An engine that runs is never touched. As anybody but root it can only look.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parts/apt.sh

log=/var/log/dockerd.log
patience=60

answers() { docker version --format '{{.Server.APIVersion}}' >/dev/null 2>&1; }
why_not() { (docker version 2>&1 >/dev/null) 2>&1 | tail -n 1 | sed 's/.*: docker:/docker:/'; }
systemd_runs() { [ -d /run/systemd/system ]; }

install_missing() {
    local wanted=()
    [ -w /var/run/docker.sock ] || command -v dockerd >/dev/null || wanted+=(docker.io iptables)
    if ! command -v docker >/dev/null; then
        # Debian 12 has the client only inside docker.io; from 13 on it is a package of its own
        apt_refresh
        if apt-cache show docker-cli >/dev/null 2>&1; then wanted+=(docker-cli)
        else wanted+=(docker.io); fi
    fi
    [ ${#wanted[@]} = 0 ] || apt_install "${wanted[@]}"
}

# A process id in these files may, after a kill -9 or in a restarted container, belong to somebody
# else by now; dockerd would take it for its own twin and refuse to start.
forget_the_dead() {
    local file
    for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
        [ -s "$file" ] || continue
        grep -qE 'dockerd|containerd' "/proc/$(cat "$file")/cmdline" 2>/dev/null || rm -f "$file"
    done
}

start() {
    if systemd_runs; then
        say "starting docker.service"
        systemctl start docker.service
        return
    fi
    say "starting dockerd (log: $log)"
    # without an init nobody has mounted the cgroup tree
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup ||
        die "cannot mount /sys/fs/cgroup; a container needs --privileged to run an engine inside"
    forget_the_dead
    # a session of its own: the engine outlives make, and Ctrl-C there does not reach it
    setsid dockerd -H unix:///var/run/docker.sock >>"$log" 2>&1 </dev/null &
    started=$!
}

died() { [ -n "${started:-}" ] && ! kill -0 "$started" 2>/dev/null; }

await() {
    local deadline=$((SECONDS + patience))
    until answers; do
        ! died || die "dockerd ended: $(tail -n 1 "$log")"
        [ $SECONDS -lt $deadline ] || die "no engine after $patience s: $(why_not); see $log"
        sleep 0.1
    done
}

answers && exit
is_root || die "no Docker Engine answers: $(why_not)." \
    "Run 'make setup' once as root, or give this user access to the engine's socket"
[ -z "${DOCKER_HOST:-}" ] || die "DOCKER_HOST=$DOCKER_HOST does not answer"
install_missing
answers || start
await
say "engine $(docker version --format '{{.Server.Version}}, API {{.Server.APIVersion}}')"
