"""The demo's environment file, made of the template's."""

from moorline.cli.demo.world import ENVIRONMENT
from moorline.errors import Stalled

__all__ = ["HURRY", "SEAMLESS", "adapted", "seamless"]

HURRY = 'health: {http: "http://:3000/health", deadline: 8s, stability: 1s}'
"""A real environment leaves a version minutes to come up, and watches it for longer."""

SEAMLESS = "strategy: blue-green"

_SETTINGS = f"""
    x-moorline:
      {HURRY}
"""


def adapted(template: str, port: int) -> str:
    """The template's production file with a name and a port of the demo's, and in a hurry."""
    changes = {
        "name: production": f"name: {ENVIRONMENT}",
        '"127.0.0.1:3000:3000"': f'"127.0.0.1:{port}:3000"',
        "interval: 2s": "interval: 300ms",
        "start_period: 10s": "start_period: 2s",
    }
    for old, new in changes.items():
        if template.count(old) != 1:
            raise Stalled(f"the template's production.yaml no longer says '{old}' once")
        template = template.replace(old, new)
    return template.rstrip() + _SETTINGS


def seamless(text: str) -> str:
    """The demo's file with a strategy that leaves no gap."""
    return text.replace(HURRY, f"{SEAMLESS}\n      {HURRY}")
