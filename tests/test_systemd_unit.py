from collections import defaultdict
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[1] / "systemd/moorline.service"

Settings = dict[tuple[str, str], list[str]]


def parse(text: str) -> Settings:
    """Read a unit file; a key may stand more than once, which configparser refuses."""
    settings: Settings = defaultdict(list)
    section = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            settings[section, key].append(value)
    return dict(settings)


@pytest.fixture(scope="module")
def unit() -> Settings:
    return parse(UNIT.read_text())


@pytest.mark.parametrize(
    ("obligation", "section", "key", "value"),
    [
        ("it tells systemd when it is ready", "Service", "Type", "notify"),
        ("only its main process may do so", "Service", "NotifyAccess", "main"),
        ("it comes back, whatever ended it", "Service", "Restart", "always"),
        ("and never stops coming back", "Unit", "StartLimitIntervalSec", "0"),
        ("reload is SIGHUP", "Service", "ExecReload", "/bin/kill -HUP $MAINPID"),
        ("a stop may finish its step", "Service", "KillMode", "mixed"),
        ("it is not root", "Service", "User", "moorline"),
        ("it reaches the engine's socket", "Service", "SupplementaryGroups", "docker"),
        ("it owns its state", "Service", "StateDirectory", "moorline"),
        ("nobody else reads its state", "Service", "StateDirectoryMode", "0700"),
        ("its configuration has a place", "Service", "ConfigurationDirectory", "moorline"),
        ("secrets have a volatile place", "Service", "RuntimeDirectory", "moorline"),
        ("which a restart does not empty", "Service", "RuntimeDirectoryPreserve", "yes"),
        ("new files are its own", "Service", "UMask", "0077"),
        ("the system is read-only", "Service", "ProtectSystem", "strict"),
        ("homes are out of sight", "Service", "ProtectHome", "yes"),
        ("no privilege can be gained", "Service", "NoNewPrivileges", "yes"),
        ("and it holds none", "Service", "CapabilityBoundingSet", ""),
        ("no memory is both written and run", "Service", "MemoryDenyWriteExecute", "yes"),
        ("it starts at boot", "Install", "WantedBy", "multi-user.target"),
    ],
)
def test_the_unit_promises(
    unit: Settings, obligation: str, section: str, key: str, value: str
) -> None:
    assert unit.get((section, key)) == [value], obligation


def test_it_starts_the_daemon_with_the_documented_configuration(unit: Settings) -> None:
    (command,) = unit["Service", "ExecStart"]
    assert command.endswith("/moorline run --config /etc/moorline/agent.toml")


def test_an_engine_that_restarts_does_not_stop_it(unit: Settings) -> None:
    assert ("Unit", "Requires") not in unit
    assert ("Unit", "BindsTo") not in unit


def test_only_the_system_call_filter_stands_more_than_once(unit: Settings) -> None:
    assert [key for key, values in unit.items() if len(values) > 1] == [
        ("Service", "SystemCallFilter")
    ]
