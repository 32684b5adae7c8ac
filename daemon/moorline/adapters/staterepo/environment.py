"""The environment of every git call: whole, and the same whatever the caller's own says.

Git takes its settings from here only: no system, global or inherited configuration, no prompt, no
hook, no transport but the one that the URL uses. The URL itself travels here too, as
`remote.origin.url`, and so does not stand on a command line.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moorline.adapters.staterepo.url import RemoteUrl

__all__ = ["Access", "git_environment"]

_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsync", "all"),
    ("core.symlinks", "false"),
    ("safe.bareRepository", "explicit"),
    ("transfer.fsckObjects", "true"),
    # packing is done by Mirror.tidy: git's own would need ten times the memory
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # a redirect would carry credentials to a host that nobody chose
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "15"),
    ("protocol.version", "2"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    # an empty value forgets every helper configured before
    ("credential.helper", ""),
)
# Answers git from the environment, so that the password is on no command line.
_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n"'
    ' "$MOORLINE_GIT_USERNAME" "$MOORLINE_GIT_PASSWORD"; }; f'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How this host shows who it is. None leaves it to the user's own ssh set-up."""

    ssh_key: Path | None = None
    known_hosts: Path | None = None
    askpass: Path | None = None
    """A program that answers git's questions for https; it should look at the host it is asked
    for."""


def git_environment(
    remote: RemoteUrl, refspecs: Sequence[str], access: Access
) -> Mapping[str, str]:
    """Everything that steers git, for one remote."""
    config = (
        *_CONFIG,
        ("remote.origin.url", remote.text),
        *(("remote.origin.fetch", refspec) for refspec in refspecs),
        *_credentials(remote),
    )
    return {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        # empty, not absent: git would ask SSH_ASKPASS instead
        "GIT_ASKPASS": str(access.askpass or ""),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": remote.transport,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_SSH_COMMAND": _ssh_command(access),
        "GIT_SSH_VARIANT": "ssh",
        # the mirror's own form, which a later git might choose differently
        "GIT_DEFAULT_HASH": "sha1",
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_CONFIG_COUNT": str(len(config)),
        **{f"GIT_CONFIG_KEY_{index}": key for index, (key, _) in enumerate(config)},
        **{f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(config)},
        **_secrets(remote),
    }


def _credentials(remote: RemoteUrl) -> tuple[tuple[str, str], ...]:
    # Bound to the origin: git asks this helper for no other host.
    if not remote.password:
        user = ((f"credential.{remote.origin}.username", remote.username),)
        return user if remote.username else ()
    return ((f"credential.{remote.origin}.helper", _HELPER),)


def _secrets(remote: RemoteUrl) -> Mapping[str, str]:
    if not remote.password:
        return {}
    return {"MOORLINE_GIT_USERNAME": remote.username, "MOORLINE_GIT_PASSWORD": remote.password}


def _ssh_command(access: Access) -> str:
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "ConnectTimeout=10",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        # a shared connection would outlive the call that opened it
        "ControlMaster=no",
    ]
    words = ["ssh"]
    if access.ssh_key is not None:
        # With a key of its own the daemon is independent of ~/.ssh/config and of an agent.
        words += ["-F", "/dev/null", "-i", str(access.ssh_key)]
        options += ["IdentitiesOnly=yes", "IdentityAgent=none"]
    if access.known_hosts is not None:
        options += [
            f'UserKnownHostsFile="{access.known_hosts}"',
            "GlobalKnownHostsFile=/dev/null",
        ]
    return shlex.join([*words, *(word for option in options for word in ("-o", option))])
