"""How the Docker Engine's failures reach a person: against a scripted engine."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from moorline.adapters.engine import DockerEngine
from moorline.adapters.engine.failures import translated
from moorline.adapters.engine.pulling import pull_failure
from moorline.adapters.ports import PullProgress
from moorline.core.image import ImageRef
from moorline.errors import (
    AccessDenied,
    Conflict,
    EngineRefused,
    EngineUnreachable,
    InvalidConfig,
    MoorlineError,
    NotFound,
    RegistryUnreachable,
    StorageFailed,
)
from tests.parts.stub_http import Reply, Request, Stub, serving

IMAGE = ImageRef.parse(f"ghcr.io/acme/web:1@sha256:{'a' * 64}")
ABOUT = {
    "ServerVersion": "20.10.24",
    "LiveRestoreEnabled": True,
    "Driver": "overlay2",
}


def as_json(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def versions(api: str = "1.41", oldest: str = "1.12") -> Reply:
    return as_json({"Version": "20.10.24", "ApiVersion": api, "MinAPIVersion": oldest})


@contextmanager
def engine_answering(
    reply: Reply | None, *, version: Reply | None = None, pull_idle: float = 5
) -> Iterator[tuple[DockerEngine, Stub]]:
    """An engine that has every image, and answers `reply` to all else."""

    def respond(request: Request) -> Reply | None:
        if request.path == "/version":
            return version or versions()
        return as_json({}) if "/images/ghcr.io" in request.path else reply

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=5, pull_idle=pull_idle)
        yield engine, stub
        engine.close()


# --- reaching it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("unix:///nonexistent/docker.sock", EngineUnreachable, "No such file or directory"),
        ("tcp://127.0.0.1:1", EngineUnreachable, "Connection refused"),
        ("carrier-pigeon://roof", InvalidConfig, "engine.url 'carrier-pigeon://roof'"),
    ],
)
def test_an_engine_that_is_not_there(url: str, error: type[Exception], words: str) -> None:
    engine = DockerEngine(url)
    with pytest.raises(error, match=words):
        engine.info()


def test_a_socket_without_permission_says_how_to_get_it() -> None:
    refused = requests.ConnectionError(
        requests.exceptions.ChunkedEncodingError("aborted", PermissionError(13, "denied"))
    )
    with pytest.raises(AccessDenied, match="docker group"), translated("asking"):
        raise refused


@pytest.mark.parametrize(
    ("api", "oldest", "spoken"),
    [
        ("1.41", "1.12", "1.41"),
        ("1.47", "1.24", "1.47"),
        ("1.99", "1.44", "1.51"),
        ("1.99", "1.60", "1.60"),
        ("2.3", "1.44", "1.51"),
    ],
)
def test_the_api_version_is_negotiated(api: str, oldest: str, spoken: str) -> None:
    version = versions(api, oldest)
    with engine_answering(as_json(ABOUT), version=version) as (engine, stub):
        assert engine.info().api == spoken
    assert stub.asked(f"/v{spoken}/info")


def test_an_engine_that_is_too_old_is_refused() -> None:
    with (
        engine_answering(None, version=versions("1.40")) as (engine, _),
        pytest.raises(EngineRefused, match=r"API 1\.40; moorline needs API 1\.41"),
    ):
        engine.info()


def test_an_engine_that_was_replaced_is_negotiated_with_again() -> None:
    offered = ["1.47"]

    def respond(request: Request) -> Reply | None:
        if request.path == "/version":
            return versions(offered[0])
        return as_json(ABOUT) if offered[0] in request.path else None

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=5)
        assert engine.info().api == "1.47"
        offered[0] = "1.43"
        with pytest.raises(EngineUnreachable):
            engine.info()
        assert engine.info().api == "1.43"
        engine.close()


def test_a_call_that_hangs_is_given_up() -> None:
    released = threading.Event()

    def respond(request: Request) -> Reply | None:
        if request.path == "/version":
            return versions()
        released.wait(60)
        return None

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=0.2)
        with pytest.raises(EngineUnreachable, match="timed out"):
            engine.info()
        released.set()
        engine.close()


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (404, "No such container: web", NotFound),
        (409, "Conflict. The container name is already in use", Conflict),
        (400, "invalid mount config", EngineRefused),
        (500, "driver failed: no space left on device", StorageFailed),
        (500, "Bind for 0.0.0.0:80 failed: port is already allocated", EngineRefused),
        (500, "listen tcp4 0.0.0.0:80: bind: address already in use", EngineRefused),
        (500, "something else", EngineRefused),
        (503, "proxy: no backend", EngineUnreachable),
        (400, "client version 1.41 is too old", EngineUnreachable),
    ],
)
def test_refusals_are_sorted(status: int, message: str, error: type[MoorlineError]) -> None:
    with (
        engine_answering(as_json({"message": message}, status)) as (engine, _),
        pytest.raises(error, match="starting web: ") as caught,
    ):
        engine.start("web")
    assert type(caught.value) is error
    assert message in str(caught.value)
    if "port" in message or "space" in message:
        assert caught.value.mend


def test_the_engines_words_are_cut_to_one_bounded_line() -> None:
    with (
        engine_answering(as_json({"message": "bad\n\tnews " * 1000}, 500)) as (engine, _),
        pytest.raises(EngineRefused) as caught,
    ):
        engine.start("web")
    assert len(str(caught.value)) < 350
    assert "\n" not in str(caught.value)


def test_an_answer_that_is_not_json_is_refused() -> None:
    with (
        engine_answering(Reply(500, b"<html>sorry</html>")) as (engine, _),
        pytest.raises(EngineRefused, match="sorry"),
    ):
        engine.start("web")


@pytest.mark.parametrize("reply", [Reply(200, b"<html>"), Reply(200, [b"{}", b"nonsense"])])
def test_an_answer_that_cannot_be_read_is_refused(reply: Reply) -> None:
    with engine_answering(reply) as (engine, _):
        with pytest.raises(EngineRefused, match="cannot be read"):
            engine.info()
        with pytest.raises(EngineRefused, match="cannot be read"):
            engine.pull(IMAGE, lambda _: None)


def test_a_container_without_a_name_is_refused() -> None:
    with engine_answering(None) as (engine, _), pytest.raises(EngineRefused):
        engine.inspect("")


# --- pulls --------------------------------------------------------------------------------------


def lines(*entries: object) -> Iterable[bytes]:
    return [json.dumps(entry).encode() + b"\r\n" for entry in entries]


def test_progress_is_reported_by_layer() -> None:
    told = lines(
        {"status": "Pulling from acme/web", "id": f"sha256:{'a' * 64}"},
        {
            "status": "Downloading",
            "id": "0a1b",
            "progressDetail": {"current": 5, "total": 9},
            "progress": "[=>  ]",
        },
        {"status": "Pull complete", "id": "0a1b", "progressDetail": {}},
        {"status": "Digest: sha256:…"},
    )
    seen: list[tuple[str, str, int, int]] = []

    def report(progress: PullProgress) -> None:
        seen.append((progress.layer, progress.status, progress.current, progress.total))

    with engine_answering(Reply(200, told)) as (engine, stub):
        engine.pull(IMAGE, report)
    assert seen == [("0a1b", "Downloading", 5, 9), ("0a1b", "Pull complete", 0, 0)]
    [asked] = stub.asked("/v1.41/images/create")
    assert f"tag=sha256%3A{'a' * 64}" in asked.path


def test_an_error_in_the_stream_is_an_error() -> None:
    told = lines({"status": "Pulling fs layer", "id": "0a1b"}, {"error": "unexpected EOF"})
    with (
        engine_answering(Reply(200, told)) as (engine, _),
        pytest.raises(RegistryUnreachable, match="unexpected EOF"),
    ):
        engine.pull(IMAGE, lambda _: None)


def test_a_pull_that_reports_success_and_brings_nothing_is_an_error() -> None:
    def respond(request: Request) -> Reply:
        if request.path == "/version":
            return versions()
        if request.method == "POST":
            return Reply(200, lines({"status": "Done"}))
        return as_json({"message": "No such image"}, 404)

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=5)
        with pytest.raises(NotFound, match="reports success"):
            engine.pull(IMAGE, lambda _: None)
        engine.close()


def test_a_pull_that_falls_silent_is_given_up() -> None:
    released = threading.Event()

    def stalling() -> Iterator[bytes]:
        yield b'{"status": "Downloading", "id": "0a1b"}\r\n'
        released.wait(60)

    with engine_answering(Reply(200, stalling()), pull_idle=0.3) as (engine, _):
        with pytest.raises(RegistryUnreachable, match=r"no progress for 0\.3 s"):
            engine.pull(IMAGE, lambda _: None)
        released.set()


def test_a_pull_that_never_begins_is_given_up() -> None:
    released = threading.Event()

    def respond(request: Request) -> Reply | None:
        if request.path != "/version":
            released.wait(60)
        return versions()

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", pull_idle=0.3)
        with pytest.raises(RegistryUnreachable, match=r"no progress for 0\.3 s"):
            engine.pull(IMAGE, lambda _: None)
        released.set()
        engine.close()


def test_an_engine_that_dies_before_a_pull_is_unreachable() -> None:
    with engine_answering(None) as (engine, _), pytest.raises(EngineUnreachable):
        engine.pull(IMAGE, lambda _: None)


def test_an_engine_that_dies_during_a_pull_is_unreachable() -> None:
    def breaking() -> Iterator[bytes]:
        yield b'{"status": "Downloading", "id": "0a1b"}\r\n'
        raise ConnectionResetError

    with (
        engine_answering(Reply(200, breaking())) as (engine, _),
        pytest.raises(EngineUnreachable),
    ):
        engine.pull(IMAGE, lambda _: None)


def test_an_error_of_the_report_is_the_callers() -> None:
    def report(_: PullProgress) -> None:
        raise BrokenPipeError

    told = lines({"status": "Downloading", "id": "0a1b"})
    with engine_answering(Reply(200, told)) as (engine, _), pytest.raises(BrokenPipeError):
        engine.pull(IMAGE, report)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            'Head "https://ghcr.io/v2/acme/web": unauthorized: authentication required',
            AccessDenied,
        ),
        ("no basic auth credentials", AccessDenied),
        ("pull access denied for acme/web, repository does not exist", AccessDenied),
        ("manifest for ghcr.io/acme/web@sha256:aa not found: manifest unknown", NotFound),
        ("dial tcp 127.0.0.1:5000: connect: connection refused", RegistryUnreachable),
        ("net/http: TLS handshake timeout", RegistryUnreachable),
        ("dial tcp: lookup ghcr.io: no such host", RegistryUnreachable),
        ("context deadline exceeded", RegistryUnreachable),
        ("unexpected EOF", RegistryUnreachable),
        ("toomanyrequests: You have reached your pull rate limit", RegistryUnreachable),
        ("received unexpected HTTP status: 503 Service Unavailable", RegistryUnreachable),
        ("write /var/lib/docker/tmp/x: no space left on device", StorageFailed),
        ("no matching manifest for linux/arm64 in the manifest list", EngineRefused),
        ("x509: certificate signed by unknown authority", EngineRefused),
    ],
)
def test_failed_pulls_are_sorted_by_their_text(text: str, error: type[MoorlineError]) -> None:
    assert type(pull_failure(IMAGE, text)) is error


def test_the_images_own_name_does_not_decide() -> None:
    image = ImageRef.parse(f"ghcr.io/acme/denied-timeout@sha256:{'a' * 64}")
    text = "manifest for ghcr.io/acme/denied-timeout@sha256:aa not found: manifest unknown"
    assert type(pull_failure(image, text)) is NotFound


def test_credentials_are_read_afresh_for_each_pull(tmp_path: Path) -> None:
    done = Reply(200, lines({"status": "Done"}))
    with serving(lambda asked: versions() if asked.path == "/version" else done) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=5, docker_config=tmp_path)
        engine.pull(IMAGE, lambda _: None)
        for entry in ({"username": "robot", "password": "pw"}, {"identitytoken": "t"}):
            (tmp_path / "config.json").write_text(json.dumps({"auths": {"ghcr.io": entry}}))
            engine.pull(IMAGE, lambda _: None)
        engine.close()
    sent = [each.headers.get("x-registry-auth") for each in stub.asked("/v1.41/images/create")]
    assert sent[0] is None
    assert len(set(sent)) == 3


# --- events -------------------------------------------------------------------------------------

EVENT = json.dumps(
    {
        "Type": "container",
        "Action": "health_status: unhealthy",
        "Actor": {"ID": "1", "Attributes": {"name": "web", "com.docker.compose.project": "p"}},
    }
).encode()


@pytest.mark.parametrize("rest", [b"", EVENT[:20]], ids=["whole", "cut"])
@pytest.mark.parametrize("broken", [False, True])
def test_events_end_quietly_when_the_engine_goes_away(*, rest: bytes, broken: bool) -> None:
    def body() -> Iterator[bytes]:
        yield EVENT + rest
        if broken:
            raise ConnectionResetError

    with engine_answering(Reply(200, body())) as (engine, _):
        stream = engine.events()
        assert [each.action for each in stream] == ["health_status: unhealthy"]
        stream.close()
        stream.close()


def test_a_stream_whose_engine_is_gone_can_be_closed() -> None:
    gone = threading.Event()

    def body() -> Iterator[bytes]:
        yield EVENT
        gone.wait(60)

    with engine_answering(Reply(200, body())) as (engine, _):
        stream = engine.events()
        gone.set()
    stream.close()
    assert len(list(stream)) <= 1


# --- starting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        f"AlreadyExists: task {'a' * 64}: already exists: unknown",
        f"starting {'a' * 64}: id already in use",
    ],
)
def test_a_start_that_an_engine_died_in_is_made_anew_and_is_no_verdict(words: str) -> None:
    def respond(request: Request) -> Reply:
        if request.path == "/version":
            return versions()
        return Reply(204) if request.method == "DELETE" else as_json({"message": words}, 500)

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=5)
        with pytest.raises(Conflict, match="made anew"):
            engine.start("c1")
        engine.close()
    assert [each.method for each in stub.requests if "c1" in each.path] == ["POST", "DELETE"]


@pytest.mark.parametrize("words", ["listen: address already in use", "no such file: entrypoint"])
def test_a_start_that_is_refused_for_another_reason_keeps_its_container(words: str) -> None:
    with engine_answering(as_json({"message": words}, 500)) as answering:
        engine, stub = answering
        with pytest.raises(EngineRefused):
            engine.start("c1")
    assert [each.method for each in stub.requests if "c1" in each.path] == ["POST"]
