"""The token flow: from a 401 and its challenge to an Authorization header.

Rule 1: credentials are read afresh whenever a token is fetched; they rotate.
Rule 2: credentials go to the realm that the challenge names, and over plain HTTP only where the
        registry itself is spoken to in plain HTTP.
Rule 3: the scope asked for is ours: some registries challenge with a placeholder.
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from moorline.adapters.credentials import Credentials, credentials_for
from moorline.core.image import ImageRef
from moorline.errors import AccessDenied, RegistryUnreachable

__all__ = ["Authorizer", "Challenge", "parse_challenge", "read_bounded"]

_PARAMETER = re.compile(r'([A-Za-z_-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_CHALLENGE = re.compile(rf"\b(Bearer|Basic)\b((?:[\s,]*{_PARAMETER.pattern})*)", re.IGNORECASE)
# what the token specification says where an answer does not
_DEFAULT_LIFETIME = 60
_MARGIN = 0.8
# the largest manifest that registries have to take; a token is smaller by far
_MAX_BODY = 4 << 20


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


def read_bounded(response: httpx.Response, *, what: str) -> bytes:
    """Read a streamed body of at most 4 MiB."""
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_BODY:
            raise RegistryUnreachable(f"{what}: an answer of more than {_MAX_BODY} bytes")
    return body


class Authorizer:
    """Headers for requests to a repository, with tokens kept until shortly before they expire."""

    def __init__(self, client: httpx.Client, *, docker_config: Path | None) -> None:
        self._client = client
        self._docker_config = docker_config
        self._tokens: dict[str, _Token] = {}

    def known(self, image: ImageRef) -> Mapping[str, str]:
        """Return the header of a token that is still good, if there is one."""
        token = self._tokens.get(image.name)
        if token is None or time.monotonic() >= token.expires:
            return {}
        return {"Authorization": token.header}

    def answer(self, image: ImageRef, refused: httpx.Response) -> Mapping[str, str]:
        """Answer the challenge of a 401; raises AccessDenied where that cannot be done."""
        challenge = parse_challenge(refused.headers)
        credentials = credentials_for(image.registry, docker_config=self._docker_config)
        if challenge is None:
            raise _denied(image, "refuses without saying how to log in")
        if challenge.scheme == "basic":
            if credentials is None or credentials.is_identity_token:
                raise _denied(image, "wants a user name and password")
            return {"Authorization": _basic(credentials)}
        asked = (*refused.history, refused)[0].url
        token = self._fetch(image, challenge, credentials, asked)
        self._tokens[image.name] = token
        return {"Authorization": token.header}

    def _fetch(
        self,
        image: ImageRef,
        challenge: Challenge,
        credentials: Credentials | None,
        asked: httpx.URL,
    ) -> _Token:
        realm = httpx.URL(challenge.parameters.get("realm", ""))
        if realm.scheme not in {"https", asked.scheme}:
            raise _denied(image, f"sends credentials to {realm!s}, which is not https")
        request = {
            "service": challenge.parameters.get("service", ""),
            "scope": f"repository:{image.repository}:pull",
        }
        token_request = _token_request(self._client, realm, request, credentials)
        # httpx keeps headers from other hosts, yet would repeat a form and its refresh token
        follow = token_request.method == "GET"
        answer = self._client.send(token_request, stream=True, follow_redirects=follow)
        try:
            return _read_token(image, answer)
        finally:
            answer.close()


def _token_request(
    client: httpx.Client,
    realm: httpx.URL,
    request: Mapping[str, str],
    credentials: Credentials | None,
) -> httpx.Request:
    if credentials is None:
        return client.build_request("GET", realm.copy_merge_params(request))
    if not credentials.is_identity_token:
        headers = {"Authorization": _basic(credentials)}
        return client.build_request("GET", realm.copy_merge_params(request), headers=headers)
    form = {
        **request,
        "grant_type": "refresh_token",
        "client_id": "moorline",
        "refresh_token": credentials.secret,
    }
    return client.build_request("POST", realm, data=form)


def _read_token(image: ImageRef, answer: httpx.Response) -> _Token:
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise _denied(image, "does not accept the credentials")
    if answer.status_code != httpx.codes.OK:
        raise RegistryUnreachable(f"{image.name}: its token server answers {answer.status_code}")
    try:
        body = json.loads(read_bounded(answer, what=image.name))
        token = body.get("token") or body["access_token"]
        lifetime = float(body.get("expires_in") or _DEFAULT_LIFETIME)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryUnreachable(f"{image.name}: its token server answers nonsense") from error
    return _Token(f"Bearer {token}", time.monotonic() + lifetime * _MARGIN)


def _parameters(text: str) -> Mapping[str, str]:
    found = _PARAMETER.findall(text)
    return {key.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for key, quoted, bare in found}


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _denied(image: ImageRef, why: str) -> AccessDenied:
    return AccessDenied(
        f"{image.name}: {image.registry} {why}",
        mend=f"run 'docker login {image.registry}' on this host",
    )
