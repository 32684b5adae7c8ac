"""Run a command inside a container, bounded in time and in what is kept of its output."""

import time
from collections.abc import Iterable, Iterator

import requests
import urllib3
from docker import APIClient

from moorline.adapters.engine.client import post
from moorline.core.model import Hook

__all__ = ["TIMED_OUT", "run_hook"]

TIMED_OUT = 124
"""The exit code of a hook that ran too long, as the program timeout(1) has it."""

_KEPT = 4096
_FRAME_HEADER = 8


def run_hook(client: APIClient, container: str, hook: Hook, *, limit: float) -> tuple[int, str]:
    """Create, start and wait for an exec; the engine cannot end one that outlives `limit`."""
    execution = post(
        client,
        f"/containers/{container}/exec",
        {
            "Cmd": hook.command,
            "User": hook.user,
            "Privileged": hook.privileged,
            "WorkingDir": hook.working_dir,
            "Env": hook.environment,
            "AttachStdout": True,
            "AttachStderr": True,
        },
    ).json()["Id"]
    tail, timed_out = _output(client, execution, limit)
    text = tail.decode(errors="replace")
    if timed_out:
        # the hook was silent, unless it was the engine: then this gets no answer either
        client.exec_inspect(execution)
        return TIMED_OUT, f"{text}\n(still running after {limit:g} s)".lstrip()
    return int(client.exec_inspect(execution)["ExitCode"]), text


def _output(client: APIClient, execution: str, limit: float) -> tuple[bytes, bool]:
    """Return the last bytes of the output, and whether the time ran out."""
    tail = b""
    try:
        start = {"Detach": False, "Tty": False}
        path = f"/exec/{execution}/start"
        with post(client, path, start, stream=True, timeout=limit) as answer:
            for chunk in payloads(_until(time.monotonic() + limit, answer)):
                tail = (tail + chunk)[-_KEPT:]
    except (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        return tail, True
    return tail, False


def _until(deadline: float, answer: requests.Response) -> Iterator[bytes]:
    """Yield what arrives. A silent hook ends at the read's own timeout, a talking one here."""
    while chunk := answer.raw.read1(_KEPT):
        yield chunk
        if time.monotonic() > deadline:
            raise TimeoutError


def payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Strip the engine's framing: 8 bytes before each piece, the last 4 of them its length."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _FRAME_HEADER:
            end = _FRAME_HEADER + int.from_bytes(buffer[4:_FRAME_HEADER], "big")
            if len(buffer) < end:
                break
            yield buffer[_FRAME_HEADER:end]
            buffer = buffer[end:]
