"""One map from what the Docker SDK raises to the errors of moorline."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3
from docker.errors import APIError, DockerException

from moorline.errors import (
    AccessDenied,
    Conflict,
    EngineRefused,
    EngineUnreachable,
    MoorlineError,
    NotFound,
    StorageFailed,
)

__all__ = ["forgiven", "one_line", "refusal", "storage_full", "translated"]

_MAX_TEXT = 300
_GATEWAY = frozenset({502, 503, 504})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise only errors of ours from the block; `what` says what was being done."""
    try:
        yield
    except APIError as error:
        raise refusal(what, error.status_code, str(error.explanation or error)) from error
    except DockerException as error:
        raise EngineRefused(f"{what}: {one_line(str(error))}") from error
    except ValueError as error:
        text = f"{what}: the engine's answer cannot be read ({one_line(str(error))})"
        raise EngineRefused(text, mend="is engine.url that of a Docker Engine?") from error
    # RequestException covers the request; urllib3's and OSError a stream that breaks later
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _unreachable(what, error) from error


@contextmanager
def forgiven(*fragments: str, status: int | None = None) -> Iterator[None]:
    """Swallow the engine's way of saying that what was asked is so already."""
    try:
        yield
    except APIError as error:
        text = str(error.explanation or "")
        if error.status_code != status and not any(part in text for part in fragments):
            raise


def refusal(what: str, status: int | None, text: str) -> MoorlineError:
    """Sort an error answer of the engine."""
    message = f"{what}: {one_line(text)}"
    if "no space left on device" in text.lower():
        return storage_full(message)
    if "port is already allocated" in text or "address already in use" in text:
        return EngineRefused(message, mend="stop what holds the port, or publish another one")
    if status == requests.codes.not_found:
        return NotFound(message)
    # the second: a container between two runs of a crash loop, which is there in a moment
    if status == requests.codes.conflict or "cannot update a stopped container" in text:
        return Conflict(message)
    # an engine that was replaced no longer takes the API version that was negotiated with it
    if status in _GATEWAY or "client version" in text:
        return EngineUnreachable(message)
    return EngineRefused(message)


def storage_full(message: str) -> StorageFailed:
    """The engine's disk is full, whichever call noticed it."""
    return StorageFailed(
        message, mend="free space on the engine's disk: 'docker system df' shows what fills it"
    )


def one_line(text: str) -> str:
    """Fold a text of the engine into one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 1]}…"


def _unreachable(what: str, error: Exception) -> MoorlineError:
    if any(isinstance(cause, PermissionError) for cause in _causes(error)):
        return AccessDenied(
            f"{what}: no permission on the engine's socket",
            mend="add the user to the docker group, or run as root",
        )
    return EngineUnreachable(
        f"{what}: the Docker Engine does not answer ({_reason(error)})",
        mend="is it running? 'systemctl status docker' tells",
    )


def _reason(error: Exception) -> str:
    """Pick the operating system's own words where there are any; the layers above only wrap."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror)
    if any(
        isinstance(cause, requests.Timeout | urllib3.exceptions.TimeoutError) for cause in causes
    ):
        return "timed out"
    return one_line(str(error)) or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an error and all that it wraps: requests and urllib3 keep some of it in attributes."""
    yield error
    wrapped = (*error.args, error.__cause__, getattr(error, "reason", None))
    for part in wrapped:
        if isinstance(part, BaseException):
            yield from _causes(part)
