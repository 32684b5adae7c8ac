import os
import pty

import pytest

from moorline.cli.offices import tell_progress


def test_on_a_terminal_it_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    shown = b""
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with tell_progress() as tell:
            tell("ghcr.io/acme/app", 200, 0)
            tell("ghcr.io/acme/app", 100, 200)
            while b"ghcr.io/acme/app: 100 of 200 manifests" not in shown:
                shown += os.read(ours, 4096)
    os.close(ours)


def test_elsewhere_it_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with tell_progress() as tell:
        tell("ghcr.io/acme/app", 1, 2)
    assert capsys.readouterr() == ("", "")
