"""What may reach git's command line or its fast-import stream: each kind of word, checked.

Everything is matched in full, so that no option, range, pathspec, second line or quoted name
can hide in an argument.
"""

import re
import unicodedata
from pathlib import PurePosixPath

from moorline.errors import InvalidConfig, UsageError

__all__ = [
    "branch_name",
    "commit_message",
    "commit_sha",
    "history_branch",
    "identity",
    "is_abbreviation",
    "is_sha",
    "repo_path",
]

_SHA = re.compile(r"[0-9a-f]{40}", re.ASCII)
# Git's own rules for one component of a ref, and no leading dash.
_REF_PART = re.compile(r"(?![.-])[^\s\x00-\x20\x7f~^:?*\[\\@{]+", re.ASCII)
_EMAIL = re.compile(r"[^\s<>@\x00-\x20\x7f]+@[^\s<>@\x00-\x20\x7f]+")
_MAX_PATH = 1024


def is_sha(text: str) -> bool:
    """Whether this is a whole object name."""
    return _SHA.fullmatch(text) is not None


def is_abbreviation(text: str) -> bool:
    """Whether this may be the beginning of an object name."""
    return re.fullmatch(r"[0-9a-f]{4,40}", text, re.ASCII) is not None


def commit_sha(text: str) -> str:
    """A whole commit sha, or UsageError."""
    if not is_sha(text):
        raise UsageError(f"not a commit: {text[:80]!r}", mend="give all 40 hex digits")
    return text


def branch_name(text: str) -> str:
    """A branch without `refs/heads/`, or UsageError."""
    parts = text.split("/")
    well_formed = all(_REF_PART.fullmatch(part) and not part.endswith(".lock") for part in parts)
    if not well_formed or ".." in text or text.endswith(".") or len(text) > _MAX_PATH:
        raise UsageError(f"not a branch name: {text[:80]!r}")
    return text


def history_branch(text: str) -> str:
    """A branch below `history/`, or UsageError."""
    if not branch_name(text).startswith("history/"):
        raise UsageError(f"not a history branch: {text!r}")
    return text


def repo_path(text: str) -> str:
    """A path inside the repository, or UsageError."""
    parts = text.split("/")
    usable = all(part not in {"", ".", ".."} and part.lower() != ".git" for part in parts)
    if not usable or _has_controls(text) or set('"\\') & set(text) or len(text) > _MAX_PATH:
        raise UsageError(f"not a path inside the repository: {text[:80]!r}")
    return str(PurePosixPath(text))


def commit_message(text: str) -> str:
    """A message of printable lines, ending in one newline, or UsageError.

    A control character could forge a trailer or repaint a terminal; line feed and tab are fine.
    """
    if not text.strip() or _has_controls(text.replace("\n", "").replace("\t", "")):
        raise UsageError(f"not a commit message: {text[:80]!r}")
    return text.rstrip("\n") + "\n"


def identity(name: str, host: str, email: str) -> str:
    """`name (host) <email>` as git writes an author, or InvalidConfig."""
    who = f"{name} ({host})"
    if not name or not host or _has_controls(who) or set("<>") & set(who):
        raise InvalidConfig(f"not a name for a committer: {who!r}")
    if not _EMAIL.fullmatch(email):
        raise InvalidConfig(f"not an e-mail address for a committer: {email!r}")
    return f"{who} <{email}>"


def _has_controls(text: str) -> bool:
    # Cs: a lone surrogate could not be encoded
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
