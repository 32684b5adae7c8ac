"""The token flow: from a 401 and its challenge to an Authorization header.

Rule 1: credentials are read afresh whenever a token is fetched; they rotate.
Rule 2: credentials go to the realm that the challenge names, and over plain HTTP only where the
        registry itself is spoken to in plain HTTP.
Rule 3: the scope asked for is ours: some registries challenge with a placeholder.
Rule 4: a token may be good for less than was asked for, and nothing says so: the next answer does.
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlencode

import httpx

from moorline.adapters.credentials import Credentials, credentials_for
from moorline.adapters.http import Answer, Transport
from moorline.adapters.registry.failures import Failures
from moorline.core.image import ImageRef
from moorline.errors import RegistryUnreachable

__all__ = ["Actions", "Authorizer", "Challenge", "parse_challenge"]

Actions: TypeAlias = Literal["pull", "pull,push", "pull,push,delete"]
"""What a token is asked for; each is more than the one before."""

_LADDER: tuple[Actions, ...] = ("pull", "pull,push", "pull,push,delete")
_PARAMETER = re.compile(r'([A-Za-z_-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_CHALLENGE = re.compile(rf"\b(Bearer|Basic)\b((?:[\s,]*{_PARAMETER.pattern})*)", re.IGNORECASE)
# what the token specification says where an answer does not
_DEFAULT_LIFETIME = 60
_MARGIN = 0.8


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate challenge; `scheme` is lower case."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    expires: float


def parse_challenge(headers: httpx.Headers) -> Challenge | None:
    """Pick the challenge to answer: Bearer before Basic, None where there is neither."""
    found: dict[str, Challenge] = {}
    for header in headers.get_list("www-authenticate"):
        for match in _CHALLENGE.finditer(header):
            scheme = match[1].lower()
            found.setdefault(scheme, Challenge(scheme, _parameters(match[2])))
    return found.get("bearer") or found.get("basic")


class Authorizer:
    """Headers for requests to a repository, with tokens kept until shortly before they expire."""

    def __init__(
        self, transport: Transport, failures: Failures, *, docker_config: Path | None
    ) -> None:
        self._transport = transport
        self._failures = failures
        self._docker_config = docker_config
        self._tokens: dict[tuple[str, Actions], _Token] = {}

    def known(self, image: ImageRef, actions: Actions) -> Mapping[str, str]:
        """Return the header of a token that is still good, if there is one."""
        now = time.monotonic()
        for enough in _LADDER[_LADDER.index(actions) :]:
            token = self._tokens.get((image.name, enough))
            if token and now < token.expires:
                return {"Authorization": token.header}
        return {}

    def answer(self, image: ImageRef, actions: Actions, refused: Answer) -> Mapping[str, str]:
        """Answer the challenge of a 401; raises AccessDenied where that cannot be done."""
        challenge = parse_challenge(refused.headers)
        credentials = credentials_for(
            image.registry, repository=image.repository, docker_config=self._docker_config
        )
        if challenge is None:
            raise self._failures.login(image, "refuses without saying how to log in")
        if challenge.scheme == "basic":
            if credentials is None or credentials.is_identity_token:
                raise self._failures.login(image, "wants a user name and password")
            token = _Token(_basic(credentials), time.monotonic() + _DEFAULT_LIFETIME)
        else:
            token = self._fetch(image, actions, challenge, credentials, refused.asked)
        self._tokens[image.name, actions] = token
        return {"Authorization": token.header}

    def _fetch(
        self,
        image: ImageRef,
        actions: Actions,
        challenge: Challenge,
        credentials: Credentials | None,
        asked: httpx.URL,
    ) -> _Token:
        realm = challenge.parameters.get("realm", "")
        if not realm.startswith(("https://", f"{asked.scheme}://")):
            raise self._failures.login(image, f"sends credentials to {realm}, which is not https")
        request = {
            "service": challenge.parameters.get("service", ""),
            "scope": f"repository:{image.repository}:{actions}",
        }
        answer = self._ask(image, realm, request, credentials)
        if answer.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise self._failures.no_token(image, actions, anonymous=credentials is None)
        return _read_token(image, answer)

    def _ask(
        self,
        image: ImageRef,
        realm: str,
        request: Mapping[str, str],
        credentials: Credentials | None,
    ) -> Answer:
        if credentials and credentials.is_identity_token:
            form = {
                **request,
                "grant_type": "refresh_token",
                "client_id": "moorline",
                "refresh_token": credentials.secret,
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            content = urlencode(form).encode()
            return self._transport.ask(
                "POST", realm, what=image.name, headers=kind, content=content
            )
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(request)}"
        headers = {"Authorization": _basic(credentials)} if credentials else {}
        return self._transport.ask("GET", url, what=image.name, headers=headers)


def _read_token(image: ImageRef, answer: Answer) -> _Token:
    if answer.status != httpx.codes.OK:
        raise RegistryUnreachable(f"{image.name}: its token server answers {answer.status}")
    try:
        body = json.loads(answer.body)
        token = body.get("token") or body["access_token"]
        lifetime = float(body.get("expires_in") or _DEFAULT_LIFETIME)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RegistryUnreachable(f"{image.name}: its token server answers nonsense") from error
    return _Token(f"Bearer {token}", time.monotonic() + lifetime * _MARGIN)


def _parameters(text: str) -> Mapping[str, str]:
    found = _PARAMETER.findall(text)
    return {key.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for key, quoted, bare in found}


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
