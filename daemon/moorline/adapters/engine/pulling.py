"""Pull by digest, looking at each line of progress.

The SDK's own `pull` has no timeout and hides errors that arrive in the stream, after a 200; and
the engine answers 500 alike for a registry that is down and for credentials that are wrong. So
the request is ours, each read has a deadline, and failures are sorted by their text.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
import urllib3
from docker import APIClient
from docker.auth import encode_header
from docker.errors import APIError

from moorline.adapters.credentials import Credentials, credentials_for
from moorline.adapters.engine.client import Connection, post
from moorline.adapters.engine.failures import one_line, storage_full
from moorline.adapters.ports import PullProgress
from moorline.core.image import ImageRef
from moorline.errors import (
    AccessDenied,
    EngineRefused,
    MoorlineError,
    NotFound,
    RegistryUnreachable,
)

__all__ = ["pull", "pull_failure"]

_DENIED = re.compile(r"unauthorized|denied|no basic auth|authentication required|forbidden")
_ABSENT = re.compile(r"manifest unknown|not found|name unknown|no such image|does not exist")
_DOWN = re.compile(
    r"connection (refused|reset)|timeout|timed out|deadline exceeded|\beof\b|no such host"
    r"|server misbehaving|unreachable|temporary failure|no route to host|broken pipe"
    r"|too ?many ?requests|http status: 5\d\d|service unavailable|bad gateway"
)


def pull(
    connection: Connection,
    image: ImageRef,
    report: Callable[[PullProgress], None],
    *,
    platform: str,
    docker_config: Path | None,
    idle: float,
) -> None:
    """Pull `image` by its digest; `idle` seconds without a line of progress end it."""
    credentials = credentials_for(
        image.registry, repository=image.repository, docker_config=docker_config
    )
    for line in _lines(connection, image, platform, credentials, idle):
        if "error" in line:
            raise pull_failure(image, str(line["error"]))
        progress = _progress(line)
        if progress:
            report(progress)


def pull_failure(image: ImageRef, text: str) -> MoorlineError:
    """Sort what the engine says about a failed pull."""
    message = f"pulling {image}: {one_line(text)}"
    # the image's own name may contain any of the words that are looked for
    words = text.replace(image.repository, "").lower()
    if "no space left on device" in words:
        return storage_full(message)
    if _DENIED.search(words):
        return AccessDenied(message, mend=f"run 'docker login {image.registry}' on this host")
    if _ABSENT.search(words):
        return NotFound(message)
    if _DOWN.search(words):
        return RegistryUnreachable(message)
    return EngineRefused(message)


def _lines(
    connection: Connection,
    image: ImageRef,
    platform: str,
    credentials: Credentials | None,
    idle: float,
) -> Iterator[Mapping[str, Any]]:
    with connection.use("pulls", f"pulling {image}") as client:
        try:
            with _request(client, image, platform, credentials, idle) as answer:
                yield from (json.loads(line) for line in answer.iter_lines() if line.strip())
        except APIError as error:
            raise pull_failure(image, str(error.explanation or error)) from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise _silent(image, idle) from error
        except requests.ConnectionError as error:
            # requests wraps a read that timed out in the middle of a stream in this one
            if any(isinstance(part, urllib3.exceptions.TimeoutError) for part in error.args):
                raise _silent(image, idle) from error
            raise


def _silent(image: ImageRef, idle: float) -> RegistryUnreachable:
    return RegistryUnreachable(f"pulling {image}: no progress for {idle:g} s")


def _request(
    client: APIClient,
    image: ImageRef,
    platform: str,
    credentials: Credentials | None,
    idle: float,
) -> requests.Response:
    return post(
        client,
        "/images/create",
        {},
        params={"fromImage": image.name, "tag": str(image.digest), "platform": platform},
        headers=_auth_header(image, credentials),
        stream=True,
        timeout=idle,
    )


def _auth_header(image: ImageRef, credentials: Credentials | None) -> Mapping[str, str]:
    if credentials is None:
        return {}
    auth = {"serveraddress": image.registry}
    if credentials.is_identity_token:
        auth |= {"identitytoken": credentials.secret}
    else:
        auth |= {"username": credentials.username, "password": credentials.secret}
    return {"X-Registry-Auth": encode_header(auth).decode()}


def _progress(line: Mapping[str, Any]) -> PullProgress | None:
    status = line.get("status", "")
    # "Pulling from <repository>" carries the tag or digest in the place of a layer's id
    if "id" not in line or status.startswith("Pulling from"):
        return None
    detail = line.get("progressDetail") or {}
    return PullProgress(
        layer=line["id"],
        status=status,
        current=detail.get("current", 0),
        total=detail.get("total", 0),
    )
