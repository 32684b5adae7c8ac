"""Who asks, what they may do, and how often they may still ask."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.ghcr.store import Clock

SCOPES = frozenset({"read:packages", "write:packages", "delete:packages"})
_IMPLIED = {"write:packages": "read:packages"}
_HOUR = 3600.0


@dataclass(frozen=True)
class Pat:
    """A personal access token, of the classic kind unless it starts with `github_pat_`."""

    secret: str
    user: str
    scopes: frozenset[str] = SCOPES
    admin: bool = True
    """Whether its owner administers the packages."""

    def may(self, scope: str) -> bool:
        return scope in self.scopes | {_IMPLIED.get(each, "") for each in self.scopes}

    @property
    def is_fine_grained(self) -> bool:
        return self.secret.startswith("github_pat_")


class Access:
    """All tokens."""

    def __init__(self) -> None:
        self.pats: dict[str, Pat] = {}

    def of_api(self, headers: Mapping[str, str]) -> Pat | None:
        """Whose API call this is; raises KeyError for a token that is not known."""
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        return self.pats[_password(rest) if scheme.lower() == "basic" else rest]

    def of_basic(self, headers: Mapping[str, str]) -> Pat | None:
        """Whose password this is, by any user name; raises KeyError."""
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        return self.pats[_password(rest)] if scheme else None

    def of_registry(self, headers: Mapping[str, str], repository: str) -> frozenset[str] | None:
        """What a bearer may do in a repository: `pull`, `push`; None is a login that is needed."""
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            text = base64.b64decode(rest, validate=True).decode()
        except ValueError:
            return None
        if text in self.pats:
            return actions(self.pats[text])
        return _granted(text, repository)


def actions(pat: Pat | None) -> frozenset[str]:
    """What a token's scopes are worth in the registry."""
    worth = {"pull": "read:packages", "push": "write:packages"}
    return frozenset(action for action, scope in worth.items() if pat and pat.may(scope))


def grant(pat: Pat | None, scope: str) -> str:
    """A registry token: what was asked for, as far as it is allowed. The rest is not an error."""
    _, repository, asked = (*scope.split(":"), "", "")[:3]
    allowed = actions(pat) if pat else {"pull"}
    kept = [each for each in asked.split(",") if each in allowed]
    text = json.dumps({"repository": repository, "actions": kept, "anonymous": pat is None})
    return base64.b64encode(text.encode()).decode()


def _granted(text: str, repository: str) -> frozenset[str] | None:
    try:
        token = json.loads(text)
    except ValueError:
        return None
    if token["repository"] != repository:
        return None
    return frozenset(token["actions"]) | ({"anonymous"} if token["anonymous"] else set())


def _password(encoded: str) -> str:
    return base64.b64decode(encoded).decode().partition(":")[2]


class Limits:
    """The primary rate limit: so many calls an hour, each token by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limit = 5000
        self.anonymous = 60
        self._used: dict[str, tuple[int, int]] = {}
        """Token → reset of its hour, and calls within it."""

    def state(self, pat: Pat | None) -> dict[str, int]:
        reset, used = self._hour(pat)
        limit = self.limit if pat else self.anonymous
        return {"limit": limit, "used": used, "remaining": max(limit - used, 0), "reset": reset}

    def spend(self, pat: Pat | None) -> None:
        reset, used = self._hour(pat)
        self._used[pat.secret if pat else ""] = (reset, used + 1)

    def _hour(self, pat: Pat | None) -> tuple[int, int]:
        now = self._clock.now()
        reset, used = self._used.get(pat.secret if pat else "", (0, 0))
        return (reset, used) if now < reset else (int(now + _HOUR), 0)
