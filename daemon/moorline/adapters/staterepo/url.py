"""Where the state repo lives: a local path or a URL, checked before git ever sees it."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from moorline.errors import InvalidConfig

__all__ = ["RemoteUrl", "Transport"]

Transport = Literal["file", "http", "https", "ssh"]

# A user or a host that began with a dash would be read by ssh as an option.
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])"
_REST = r"[^\s\x00-\x1f\x7f]+"
_URL = re.compile(
    rf"(?P<scheme>https?|ssh)://(?:(?P<user>[^\s:@/]+)(?::(?P<password>[^\s@/]*))?@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/{_REST})",
    re.ASCII,
)
# `::` after a word would start one of git's remote helpers; `//` means a scheme that is not ours.
_SCP = re.compile(rf"(?:{_USER}@)?(?P<host>{_HOST}):(?!-|:|//){_REST}", re.ASCII)
_FILE = re.compile(r"(?:file://)?(?P<path>/[^\x00-\x1f\x7f]*)")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.ASCII)
_MEND = "set [repo] url to an absolute path, https://host/path, ssh://host/path or user@host:path"


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A checked URL. `text` is what git is given, and never carries a password.

    A password in the configured URL is kept apart, so that it reaches git through the environment
    and neither a command line, nor a message, nor a file.
    """

    text: str
    transport: Transport
    origin: str = ""
    """`scheme://host[:port]` of an http URL: the only place its credentials may go."""
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, *, allow_file: bool = True) -> "RemoteUrl":
        """Read a URL; raises InvalidConfig with what is wrong."""
        if match := _FILE.fullmatch(text):
            if not allow_file:
                raise InvalidConfig("a local path is not allowed here as the state repo")
            return cls(match["path"], "file")
        if _SCP.fullmatch(text):
            return cls(text, "ssh")
        if match := _URL.fullmatch(text):
            return _from_match(match)
        raise InvalidConfig(f"not a URL for a state repo: {_shown(text)!r}", mend=_MEND)

    def __str__(self) -> str:
        return self.text


def _from_match(match: re.Match[str]) -> RemoteUrl:
    if match["scheme"] == "ssh":
        return _ssh(match)
    origin = f"{match['scheme']}://{match['host']}" + (
        f":{match['port']}" if match["port"] else ""
    )
    if match["scheme"] == "http" and not _LOOPBACK.fullmatch(match["host"]):
        raise InvalidConfig(
            f"{origin} is not encrypted: anyone on the way could choose what this host runs",
            mend="use https:// or ssh://",
        )
    username, password = unquote(match["user"] or ""), unquote(match["password"] or "")
    if not (username + password).isprintable():
        raise InvalidConfig(f"the user name or password in the URL of {origin} is not printable")
    transport: Transport = "https" if match["scheme"] == "https" else "http"
    return RemoteUrl(origin + match["path"], transport, origin, username, password)


def _ssh(match: re.Match[str]) -> RemoteUrl:
    if match["password"] is not None:
        raise InvalidConfig("an ssh URL takes no password", mend="use a deploy key")
    if match["user"] and not re.fullmatch(_USER, match["user"], re.ASCII):
        raise InvalidConfig(f"not a user name for ssh: {match['user']!r}")
    return RemoteUrl(match.string, "ssh")


def _shown(text: str) -> str:
    """The URL for a message: without what stands before an @, which may be a password."""
    return re.sub(r"[^/@]*@", "", text)
