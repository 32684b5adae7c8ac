import signal
import subprocess
import sys

import pytest

from moorline.cli.stopping import stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 1)])
def test_the_first_signal_asks(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with stopping() as stop:
        assert not stop.event.is_set()
        signal.raise_signal(number)
        assert stop.event.is_set()
        assert stop.exit_code == code
        assert signal.getsignal(number) == signal.SIG_DFL
    assert signal.getsignal(number) == before


def test_the_second_one_ends_the_process() -> None:
    script = (
        "import signal\nfrom moorline.cli.stopping import stopping\n"
        "with stopping():\n    signal.raise_signal(2)\n    signal.raise_signal(2)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
