"""Run the emulator by itself, for other tools to be pointed at.

python -m tests.ghcr --port 5080
docker login 127.0.0.1:5080 -u octocat -p ghp_emulator
curl -H 'Authorization: Bearer ghp_emulator' http://127.0.0.1:5080/orgs/acme/packages
"""

import argparse
import signal
import time

from tests.ghcr.control_api import __doc__ as controls
from tests.ghcr.emulator import OWNER, TOKEN, USER, running_ghcr
from tests.ghcr.faults import NAMED
from tests.ghcr.store import Clock


def main() -> None:
    """Serve until told to stop."""
    arguments = _parser().parse_args()
    clock = Clock(time.time(), running=True)
    with running_ghcr(upstream=arguments.registry, port=arguments.port, clock=clock) as ghcr:
        for login in arguments.organization:
            ghcr.owner(login, "Organization")
        for login in arguments.user:
            ghcr.owner(login, "User")
        print(f"API and registry: {ghcr.url}")
        print(f"token:            {TOKEN} (of user {USER}; organisation {OWNER})")
        print(f"controls:         {ghcr.url}/_emulator", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.ghcr",
        description="An emulator of GHCR: GitHub's Packages API and the registry, in one process.",
        epilog=f"Controls:\n{controls}\nFaults: {', '.join(NAMED)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; default: a free one")
    parser.add_argument(
        "--registry", metavar="URL", help="a plain registry for the content; default: memory"
    )
    parser.add_argument("--organization", action="append", default=[], metavar="LOGIN")
    parser.add_argument("--user", action="append", default=[], metavar="LOGIN")
    return parser


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
