"""What an answer means that is no success, in words that help.

The body of an error, as the specification has it: `{"errors": [{"code", "message", "detail"}]}`.
"""

import json

import httpx

from moorline.adapters.http import Answer, one_line
from moorline.core.image import ImageRef
from moorline.errors import (
    AccessDenied,
    MoorlineError,
    NotFound,
    RegistryRefused,
    RegistryUnreachable,
)

__all__ = ["Failures", "codes_of"]

_ABSENT = frozenset({"MANIFEST_UNKNOWN", "BLOB_UNKNOWN"})
_DENIALS = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_VERBS = {"pull": "read", "pull,push": "push", "pull,push,delete": "delete"}
_GITHUB_SCOPES = {
    "pull": "read:packages",
    "pull,push": "write:packages",
    "pull,push,delete": "delete:packages",
}


class Failures:
    """Errors for a caller; `github` is the registry that needs GitHub's own words."""

    def __init__(self, *, github: str = "ghcr.io") -> None:
        self._github = github

    def of(self, image: ImageRef, answer: Answer, actions: str = "pull") -> MoorlineError:
        """Sort an answer that is no success."""
        status, words = answer.status, _words(answer)
        said = f" ({status}: {words})" if words else f" ({status})"
        if status == httpx.codes.NOT_FOUND:
            return NotFound(f"{image}: not in the registry", mend=self._doubt(image, answer))
        if status in _DENIALS:
            return self._denied(image, actions, said)
        if status == httpx.codes.REQUEST_TIMEOUT or not httpx.codes.is_client_error(status):
            return RegistryUnreachable(f"{image}: {image.registry} answers {status}{_tail(words)}")
        return RegistryRefused(f"{image}: {image.registry} refuses{said}")

    def login(self, image: ImageRef, why: str) -> AccessDenied:
        """A challenge that cannot be answered."""
        return AccessDenied(f"{image.name}: {image.registry} {one_line(why)}", mend=_login(image))

    def no_token(self, image: ImageRef, actions: str, *, anonymous: bool) -> AccessDenied:
        """A token server's 401 or 403."""
        if anonymous:
            return self.login(image, "gives no token to who is not logged in")
        return AccessDenied(
            f"{image.name}: {image.registry} does not accept the credentials"
            f"{'' if actions == 'pull' else f' to {_VERBS[actions]} there'}",
            mend=self._mend(image, actions),
        )

    def _denied(self, image: ImageRef, actions: str, said: str) -> AccessDenied:
        if actions == "pull":
            why = f"{image.registry} denies access{said}"
        else:
            why = f"the credentials for {image.registry} may not {_VERBS[actions]} there{said}"
        return AccessDenied(f"{image}: {why}", mend=self._mend(image, actions))

    def _mend(self, image: ImageRef, actions: str) -> str:
        if image.registry == self._github and actions != "pull":
            return f"the token needs {_GITHUB_SCOPES[actions]}"
        return _login(image)

    def _doubt(self, image: ImageRef, answer: Answer) -> str:
        """GitHub says 404 for a lack of rights as well."""
        if image.registry != self._github or codes_of(answer) & _ABSENT:
            return ""
        return f"or the token may not see it: {image.registry} answers both alike"


def codes_of(answer: Answer) -> frozenset[str]:
    """The specification's codes for what went wrong; none where the body holds none."""
    return frozenset(str(error.get("code", "")) for error in _errors(answer))


def _errors(answer: Answer) -> list[dict[str, object]]:
    try:
        errors = json.loads(answer.body)["errors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def _words(answer: Answer) -> str:
    return one_line("; ".join(_sentence(error) for error in _errors(answer)[:5]))


def _sentence(error: dict[str, object]) -> str:
    detail = error.get("detail")
    # other details are for programs, and long
    said = (error.get("code"), error.get("message"), detail if isinstance(detail, str) else None)
    return ": ".join(str(part) for part in said if part)


def _tail(words: str) -> str:
    return f": {words}" if words else ""


def _login(image: ImageRef) -> str:
    return f"run 'docker login {image.registry}' on this host"
