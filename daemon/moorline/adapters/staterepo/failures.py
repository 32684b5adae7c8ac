"""From what git said to what a person can do: one ordered table for each side.

Messages are one line, without credentials and without control characters, whoever wrote them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moorline.adapters.staterepo.process import Completed
from moorline.adapters.staterepo.url import RemoteUrl
from moorline.errors import (
    AccessDenied,
    Conflict,
    MoorlineError,
    NotFound,
    RemoteUnreachable,
    Stalled,
    StorageFailed,
)

__all__ = ["MirrorDamaged", "Rejected", "local_failure", "push_failure", "remote_failure"]

_MAX_LINE = 256


class MirrorDamaged(StorageFailed):
    """The mirror on this disk lost something, as after a power failure; a new one mends it."""


class Rejected(Conflict):
    """Somebody else moved a ref first; look again and repeat."""


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    error: type[MoorlineError]
    mend: str = ""

    def find(self, lines: Sequence[str]) -> str | None:
        found = (line for line in lines if re.search(self.pattern, line, re.IGNORECASE))
        return next(found, None)


_DISK = _Rule(
    r"no space left|out of disk ?space|disk quota|file too large|read-only file system"
    r"|input/output error",
    StorageFailed,
    "make room for the state directory",
)
_BUSY = _Rule(
    r"(unable to create|cannot lock ref|unable to update).*(file exists|\bis at\b)", Rejected
)
_DAMAGE = _Rule(
    r"object file .* is empty|is corrupt|did not send all necessary objects|bad object refs/"
    r"|unable to read (tree|sha1|[0-9a-f]{40})|could not read [0-9a-f]{40}|pack has bad"
    r"|packfile .* (does not match|is truncated|cannot be|claims)|\.(pack|idx) is (far )?too"
    r"|\bbad (pack|index|tree|commit|blob|config)\b|data stream error|unable to unpack|broken ref"
    r"|not a git repository: |missing (blob|tree|commit)|failed to traverse|commit-graph"
    r"|unable to parse (object|commit)|invalid object",
    MirrorDamaged,
)
_MIRROR = (
    _DISK,
    _BUSY,
    _DAMAGE,
    _Rule(
        r"permission denied$|insufficient permission",
        StorageFailed,
        "let moorline's user write its state directory",
    ),
    _Rule(
        r"not a (tree|valid) object|not a valid commit|bad (object|revision) [0-9a-f]{40}"
        r"|unknown revision",
        NotFound,
        "fetch first, or look for a typo",
    ),
)

_NETWORK = (
    _Rule(
        r"cannot run ssh|ssh: (command )?not found|unable to find remote helper",
        Stalled,
        "install it: apt-get install git openssh-client",
    ),
    _Rule(
        r"dubious ownership",
        AccessDenied,
        "give the repository to the user that moorline runs as, or reach it over ssh://",
    ),
    _Rule(r"couldn't find remote ref|no such ref", NotFound, "push a first commit to the branch"),
    _Rule(
        r"host key verification failed|remote host identification has changed",
        AccessDenied,
        "check the key's fingerprint with the owner of the host, then put the key into",
    ),
    _Rule(
        r"permission denied \(|marked as read.only|permission to .* denied|access denied"
        r"|authentication failed|could not read (username|password)|terminal prompts disabled"
        r"|repository not found|returned error: 40[134]|no supported authentication"
        r"|too many authentication failures|load key|repository '.*' not found|\bdenied to\b",
        AccessDenied,
        "check the URL, and that this host's key or token may read and write the repository",
    ),
    _Rule(
        r"does not appear to be a git repository|does not exist|not a git repository",
        NotFound,
        "create it with git init --bare, or correct [repo] url",
    ),
    _Rule(
        r"transport .* not allowed|mismatched algorithms|fsck error|in fsck",
        Stalled,
        "moorline reads SHA-1 repositories that pass git fsck",
    ),
)

_REPORT = re.compile(r"^!\t[^\t]*\t\[([a-z ]+)\] \((.*)\)$", re.MULTILINE)
_RACE = re.compile(
    r"fetch first|non-fast-forward|stale info|cannot lock ref|failed to (lock|update ref)"
    r"|incorrect old value|already exists|needs force",
    re.IGNORECASE,
)
# What git adds to a reason that ssh has given before.
_NOISE = (
    "hint: ",
    "@@@",
    "fatal: Could not read from remote repository",
    "Please make sure you have the correct access rights",
    "and the repository exists",
)
_CHECKED_OUT = "branch is currently checked out"


def local_failure(doing: str, done: Completed) -> MoorlineError:
    """What a failed command on the mirror means."""
    lines = _lines(done.err)
    return _judge(f"git {doing}", lines, _MIRROR) or Stalled(f"git {doing} failed: {_last(lines)}")


def remote_failure(
    doing: str, remote: RemoteUrl, done: Completed, *, known_hosts: str
) -> MoorlineError:
    """What a failed command on the remote means; unknown trouble is worth another try."""
    lines = _lines(done.err)
    doing = f"git {doing} {remote}"
    # what the remote says of its own disk is not about ours
    ours = [line for line in lines if not line.startswith("remote: ")]
    if mirror := _judge(doing, ours, (_DISK, _BUSY, _DAMAGE)):
        return mirror
    if network := _judge(doing, lines, _NETWORK):
        return _with_host_key(network, lines, known_hosts)
    return RemoteUnreachable(f"{doing}: {_last(lines)}")


def push_failure(remote: RemoteUrl, branch: str, done: Completed) -> MoorlineError | None:
    """What the remote said of one pushed branch; None where it said nothing about it."""
    report = _REPORT.search(done.out.decode(errors="replace"))
    if report is None:
        return None
    said = [_stripped(line) for line in _lines(done.err) if line.startswith("remote: ")]
    kind, reason = report[1], ": ".join([_clean(report[2]), *said[:1]])
    if _RACE.search(reason):
        return Rejected(f"{branch} of {remote} moved while it was written: {reason}")
    because = f"{remote} refused the push to {branch}: {reason}"
    if kind == "remote failure" or "unpack" in reason:
        return RemoteUnreachable(because)
    if _CHECKED_OUT in reason:
        return AccessDenied(because, mend="push to a bare repository (git init --bare)")
    return AccessDenied(because, mend="let moorline's key or token push to this branch")


def _judge(doing: str, lines: Sequence[str], rules: Sequence[_Rule]) -> MoorlineError | None:
    for rule in rules:
        line = rule.find(lines)
        if line is not None:
            return rule.error(f"{doing}: {_stripped(line)}", mend=rule.mend)
    return None


def _with_host_key(error: MoorlineError, lines: Sequence[str], known_hosts: str) -> MoorlineError:
    if not error.mend.endswith("put the key into"):
        return error
    prints = re.findall(r"SHA256:[A-Za-z0-9+/]{43}", " ".join(lines))
    shown = f" (the host showed {prints[0]})" if prints else ""
    return AccessDenied(error.message + shown, mend=f"{error.mend} {known_hosts}")


def _lines(err: str) -> list[str]:
    lines = (_clean(line) for line in err.splitlines())
    return [line for line in lines if line and not line.startswith(_NOISE)]


def _last(lines: Sequence[str]) -> str:
    """The first line with git's own verdict, or else the last line at all."""
    verdicts = (line for line in lines if re.match(r"(remote: )?(fatal|error): ", line))
    return _stripped(next(verdicts, lines[-1] if lines else "no reason given"))


def _stripped(line: str) -> str:
    return re.sub(r"^(remote: )?(fatal: |error: )?", "", line)[:_MAX_LINE]


def _clean(line: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in line).strip()
    return re.sub(r"://[^/\s@]*@", "://", printable)
