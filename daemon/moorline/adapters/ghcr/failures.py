"""What an answer of GitHub's API means that is no success, in words that help.

The body of an error: `{"message": …, "documentation_url": …}`. GitHub says 404 both for what is
not there and for what a token may not see, or may not do.
"""

import json

import httpx

from moorline.adapters.answer import Answer, one_line
from moorline.errors import (
    AccessDenied,
    MoorlineError,
    NotFound,
    RegistryRefused,
    RegistryUnreachable,
)

__all__ = ["LOOK", "failure", "is_version_missing", "no_package", "not_allowed", "said"]

LOOK = "read:packages"
_KIND = "a classic token (fine-grained ones do not work for packages)"
_REFUSALS = {
    "last tagged version": "delete the whole package on GitHub, or push another tagged version",
    "downloads": "ask GitHub's support, or make the package private first",
}


def failure(what: str, answer: Answer, scope: str = LOOK) -> MoorlineError:
    """Sort an answer that is no success; `scope` is what the request needs of a token."""
    status, words = answer.status, said(answer)
    tail = f"{status}: {words}" if words else str(status)
    if status == httpx.codes.NOT_FOUND:
        return no_package(what, scope)
    if status == httpx.codes.UNAUTHORIZED:
        mend = f"{_KIND} with {scope} is needed: in github.token_file, or by 'docker login'"
        return AccessDenied(f"{what}: GitHub does not accept the token ({tail})", mend=mend)
    if status == httpx.codes.FORBIDDEN:
        return not_allowed(what, scope, tail)
    if status == httpx.codes.REQUEST_TIMEOUT or not httpx.codes.is_client_error(status):
        return RegistryUnreachable(f"{what}: GitHub answers {tail}")
    mend = next((mend for sign, mend in _REFUSALS.items() if sign in words), "")
    return RegistryRefused(f"{what}: GitHub refuses ({tail})", mend=mend)


def no_package(what: str, scope: str) -> NotFound:
    """A 404, which may mean either."""
    return NotFound(
        f"{what}: not there, or not for this token: GitHub answers both alike",
        mend=f"see that {_KIND} has {scope}, and that its owner has access to the package",
    )


def not_allowed(what: str, scope: str, tail: str) -> AccessDenied:
    """A token that may not do this."""
    return AccessDenied(
        f"{what}: the token may not do this ({tail})",
        mend=f"it takes {_KIND} with {scope}, whose owner is admin of the package",
    )


def is_version_missing(answer: Answer) -> bool:
    """Whether a 404 speaks of the version, not of the package."""
    return "version not found" in said(answer).lower()


def said(answer: Answer) -> str:
    """The message of an error, made fit for a line of ours."""
    try:
        message = json.loads(answer.body)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return one_line(str(message))
