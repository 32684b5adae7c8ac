"""The agent's configuration: what is accepted, and what each mistake is called."""

import socket
from pathlib import Path

import pytest

from moorline.agent.config import load_config
from moorline.errors import InvalidConfig

MINIMAL = 'environments = ["production"]\n[repo]\nurl = "git@github.com:acme/state.git"\n'


def _write(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_two_settings_are_enough(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, MINIMAL))
    assert config.environments == ("production",)
    assert config.repo.url == "git@github.com:acme/state.git"
    assert config.host == socket.gethostname()
    assert config.state_dir == "/var/lib/moorline"
    assert config.poll_seconds == 30.0


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    text = 'environments = ["a"]\nstate_dir = "state"\n[repo]\nurl = "repo.git"\nssh_key = "key"\n'
    config = load_config(_write(tmp_path, text))
    assert config.state_dir == str(tmp_path / "state")
    assert config.repo.url == str(tmp_path / "repo.git")
    assert config.repo.ssh_key == str(tmp_path / "key")


@pytest.mark.parametrize(
    "url",
    ["https://example.com/state.git", "ssh://git@example.com/state", "git@example.com:a/b.git"],
)
def test_a_url_is_left_as_it_is(tmp_path: Path, url: str) -> None:
    text = f'environments = ["a"]\n[repo]\nurl = "{url}"\n'
    assert load_config(_write(tmp_path, text)).repo.url == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "required field `repo`"),
        ('environments = ["a"]\n', "repo"),
        ('environments = []\n[repo]\nurl = "x"\n', "environments"),
        ('environments = ["../a"]\n[repo]\nurl = "x"\n', "environments"),
        ('environments = ["a"]\nhost = "a b"\n[repo]\nurl = "x"\n', "host"),
        ('environments = ["a"]\n[repo]\nurl = 3\n', "repo.url"),
        (
            'environments = ["a"]\n[repo]\nurl = "x"\npol_interval = "3s"\n',
            "repo.pol_interval: not a setting; did you mean 'poll_interval'?",
        ),
        ('environments = ["a"]\nzzz = 1\n[repo]\nurl = "x"\n', "zzz: not a setting; known are"),
        (
            'environments = ["a"]\n[repo]\nurl = "x"\npoll_interval = "soon"\n',
            "repo.poll_interval: must be a duration such as 10s",
        ),
        (
            'environments = ["a"]\n[repo]\nurl = "x"\n[images]\nmin_free_disk = "some"\n',
            "images.min_free_disk: must be a size such as 1GiB",
        ),
        ('environments = ["a"]\n[repo]\nurl = "x"\n[images]\nkeep = 0\n', "images.keep"),
        (
            'environments = ["a"]\n[repo]\nurl = "x"\n[images]\nkep = 2\n',
            "images.kep: not a setting; did you mean 'keep'?",
        ),
        ("environments = [\n", "Invalid value"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(InvalidConfig) as raised:
        load_config(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert words in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"agent\.toml does not exist; create it"):
        load_config(tmp_path / "agent.toml")


PIN = f"registry.example/haproxy:2.8@sha256:{'5' * 64}"
EXISTING = """
[ingress]
admin_socket = "admin.sock"
master_socket = "/run/haproxy/master.sock"
config_file = "moorline.cfg"
check = ["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg", "-f", "{file}"]
"""


def test_an_ingress_is_managed_or_an_existing_one(tmp_path: Path) -> None:
    managed = load_config(_write(tmp_path, f'{MINIMAL}[ingress]\nimage = "{PIN}"\n')).ingress
    assert (managed.image, managed.container) == (PIN, "moorline-ingress")
    existing = load_config(_write(tmp_path, MINIMAL + EXISTING)).ingress
    assert existing.admin_socket == str(tmp_path / "admin.sock")
    assert existing.master_socket == "/run/haproxy/master.sock"
    assert existing.config_file == str(tmp_path / "moorline.cfg")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[ingress]\nimage = "haproxy:2.8"\n', "ingress.image: add its digest"),
        ('[ingress]\nimage = "HAPROXY@x"\n', "ingress"),
        ('[ingress]\nadmin_socket = "a"\n', "go together"),
        (EXISTING.replace("{file}", "file"), "ingress.check"),
        (f'{EXISTING}image = "{PIN}"\n', "ingress: image is for"),
        ('[ingress]\ncontainer = "-x y"\n', "ingress.container"),
        ('[ingress]\nimages = ""\n', "did you mean 'image'?"),
    ],
)
def test_an_ingress_that_cannot_be_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_config(_write(tmp_path, MINIMAL + text))
    assert words in str(caught.value)
