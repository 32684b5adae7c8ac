"""Where the token is, and which packages are GitHub's."""

from pathlib import Path

import pytest

from moorline.adapters.ghcr import github_token
from moorline.agent.config import Config
from moorline.agent.config_model import GithubConfig, RepoConfig
from moorline.agent.wiring import open_packages
from moorline.core.image import ImageRef
from moorline.errors import (
    AccessDenied,
)
from tests.adapters.ghcr_clients import APP, digests
from tests.ghcr.emulator import TOKEN, Ghcr


def test_the_token_is_in_a_file_or_what_docker_holds(ghcr: Ghcr, tmp_path: Path) -> None:
    ghcr.login(tmp_path, "ghp_of_docker")
    file = tmp_path / "token"
    file.write_text("ghp_of_file\n")
    file.chmod(0o640)
    assert github_token(file, registry=ghcr.registry, docker_config=tmp_path) == "ghp_of_file"
    assert github_token(None, registry=ghcr.registry, docker_config=tmp_path) == "ghp_of_docker"
    assert github_token(None, registry="other.example", docker_config=tmp_path) is None


@pytest.mark.parametrize(
    ("mode", "words"), [(0o644, "chmod o="), (None, "No such file"), (0o642, "chmod o=")]
)
def test_a_token_file_is_there_and_not_for_everybody(
    tmp_path: Path, mode: int | None, words: str
) -> None:
    file = tmp_path / "token"
    if mode is not None:
        file.write_text("ghp_secret")
        file.chmod(mode)
    with pytest.raises(AccessDenied, match=words) as caught:
        github_token(file, registry="ghcr.io")
    assert "ghp_secret" not in str(caught.value)


def test_packages_are_asked_where_they_are(ghcr: Ghcr, app: ImageRef, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    config = Config(
        repo=RepoConfig(url="https://example.org/state.git"),
        environments=("production",),
        github=GithubConfig(registry=ghcr.registry, api=ghcr.api, token_file=str(file)),
        state_dir=str(tmp_path),
    )
    image = ghcr.push_image(APP)
    packages = open_packages(config)
    found = packages(app)
    assert digests(found.versions(app)) == [str(image.digest)]
    other = packages(ImageRef.parse("registry.example/acme/app"))
    assert type(other).__name__ == "OciPackages"
    found.close()
    other.close()
