"""GitPython stays behind its fence, and nothing hostile passes a command line."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import moorline
from moorline.adapters.staterepo import GitStateRepo
from moorline.adapters.staterepo.url import RemoteUrl
from moorline.errors import InvalidConfig, MoorlineError, NotFound, Stalled, UsageError
from tests.parts.git import Remote, git

PACKAGE = Path(moorline.__file__).parent
CHOKE_POINT = PACKAGE / "adapters" / "staterepo" / "process.py"


def make(mirror: Path, url: str, **options: object) -> GitStateRepo:
    settings: dict[str, object] = {
        "branch": "main",
        "host": "web-1",
        "committer_email": "moorline@web-1",
    }
    return GitStateRepo(mirror, url=url, **(settings | options))  # type: ignore[arg-type]  # hostile on purpose


# --- the fence ---


def imports_of_git(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import) and any(n.name.split(".")[0] == "git" for n in node.names):
            yield node
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "git":
            yield node


def test_one_module_imports_gitpython() -> None:
    importing = [path for path in PACKAGE.rglob("*.py") if list(imports_of_git(path))]
    assert importing == [CHOKE_POINT]


def test_only_the_fenced_names_are_imported() -> None:
    (node,) = imports_of_git(CHOKE_POINT)
    assert isinstance(node, ast.ImportFrom)
    assert (node.module, {name.name for name in node.names}) == (
        "git",
        {"Git", "GitCommandNotFound"},
    )


def test_git_is_run_in_the_one_fenced_way() -> None:
    tree = ast.parse(CHOKE_POINT.read_text())
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "Git"]
    executes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == "Git"
    ]
    assert len(uses) == len(executes) == 1
    call = executes[0]
    assert isinstance(call.func, ast.Attribute)
    assert call.func.attr == "execute"
    words = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    assert words == {
        "env": "environment",
        "as_process": "True",
        "process_group": "0",
        "istream": "subprocess.PIPE",
        "pass_fds": "keep",
    }


# --- the environment ---


def test_inherited_git_variables_steer_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, decoy = Remote(tmp_path / "remote.git"), Remote(tmp_path / "decoy.git")
    first = remote.commit({"a": "1"})
    decoy.commit({"a": "decoy"})
    canary = tmp_path / "canary"
    config = tmp_path / "config"
    config.write_text(f'[url "{decoy.path}"]\n  insteadOf = {remote.path}\n')
    for name, value in {
        "GIT_DIR": str(decoy.path),
        "GIT_WORK_TREE": "/",
        "GIT_OBJECT_DIRECTORY": str(decoy.path / "objects"),
        "GIT_INDEX_FILE": "/nonexistent/index",
        "GIT_NAMESPACE": "elsewhere",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_PARAMETERS": "'url.x.insteadOf'='/'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(tmp_path),
        "GIT_EXEC_PATH": "/nonexistent",
        "GIT_PROXY_COMMAND": f"touch {canary}",
        "GIT_EXTERNAL_DIFF": f"touch {canary}",
    }.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    repo = make(tmp_path / "mirror.git", remote.url)
    assert repo.fetch() == first
    assert repo.append("history/x/y", {"deployments/1.yaml": b"1"}, message="One")
    assert not canary.exists()
    assert dict(os.environ) == before


def test_hooks_in_the_mirror_are_not_run(tmp_path: Path) -> None:
    remote = Remote(tmp_path / "remote.git")
    remote.commit({"a": "1"})
    repo = make(tmp_path / "mirror.git", remote.url)
    repo.fetch()
    hooks = tmp_path / "mirror.git" / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "reference-transaction", "post-update", "pre-receive"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (hooks / name).chmod(0o755)
    assert repo.append("history/x/y", {"deployments/1.yaml": b"1"}, message="One")
    remote.commit({"a": "2"})
    repo.fetch()
    assert not (tmp_path / "canary").exists()


def test_a_missing_git_is_named_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote(tmp_path / "remote.git")
    remote.commit({"a": "1"})
    make(tmp_path / "one.git", remote.url).fetch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Stalled, match=r"git is not installed.*apt-get install git"):
        make(tmp_path / "two.git", remote.url).fetch()


def test_a_git_missing_from_the_start_is_named_too(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from moorline.adapters.staterepo import GitStateRepo\n"
        "from moorline.errors import Stalled\n"
        "try:\n"
        f"    GitStateRepo(Path({str(tmp_path / 'm')!r}), url='/r', branch='main', host='h',"
        " committer_email='m@h').fetch()\n"
        "except Stalled as stalled:\n"
        "    print(stalled)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "git is not installed on this host; install it: apt-get install git\n"


# --- arguments ---

HOSTILE_URLS = [
    "",
    "ext::sh -c touch% /tmp/canary",
    "ext::sh",
    "fd::3",
    "file::/etc",
    "--upload-pack=touch /tmp/canary",
    "-oProxyCommand=touch",
    "-oProxyCommand=x:repo",
    "ssh://-oProxyCommand=touch/x",
    "ssh://-oProxyCommand=x@host/x",
    "ssh://user@-host/x",
    "ssh://user:password@host/x",
    "git@-oProxyCommand=x:y",
    "host:-x",
    "host:",
    "git://host/x",
    "ftp://host/x",
    "http://example.test/x",
    "http://127.0.0.1.example.test/x",
    "https://",
    "https://host",
    "https://ho st/x",
    "https://host/x y",
    "https://host/x\n",
    "https://us%0Aer:pass@host/x",
    "https://host:999999/x",
    "relative/path",
    "./relative",
    "~/home",
    "/path\nwith line",
    "/path\x00",
    "user@host:path\nx",
]


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=repr)
def test_a_hostile_url_never_reaches_git(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidConfig):
        make(tmp_path / "mirror.git", url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("/srv/git/state.git", "file"),
        ("/srv/with space/état.git", "file"),
        ("file:///srv/git/state.git", "file"),
        ("git@github.com:acme/state.git", "ssh"),
        ("host:state.git", "ssh"),
        ("ssh://git@host:2222/~/state.git", "ssh"),
        ("ssh://host/state.git", "ssh"),
        ("https://github.com/acme/state.git", "https"),
        ("https://host:8443/state", "https"),
        ("https://[::1]:8443/state", "https"),
        ("http://127.0.0.1:3000/state.git", "http"),
        ("http://localhost/state.git", "http"),
    ],
)
def test_every_usual_url_is_accepted(url: str, transport: str) -> None:
    assert RemoteUrl.parse(url).transport == transport


def test_a_password_is_kept_apart_from_the_url() -> None:
    url = RemoteUrl.parse("https://ada:s%40fe@host:8443/state.git")
    assert url.text == "https://host:8443/state.git"
    assert (url.origin, url.username, url.password) == ("https://host:8443", "ada", "s@fe")
    assert "s@fe" not in repr(url)


def test_a_refused_url_is_shown_without_its_password() -> None:
    with pytest.raises(InvalidConfig) as caught:
        RemoteUrl.parse("ftp://ada:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_local_path_may_be_ruled_out() -> None:
    with pytest.raises(InvalidConfig):
        RemoteUrl.parse("/srv/state.git", allow_file=False)


HOSTILE_BRANCHES = (
    *("", "-x", "--all", "a..b", "a b", "a\nb", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b"),
    *("@{0}", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\x7f", "a/-x"),
)


@pytest.mark.parametrize("branch", HOSTILE_BRANCHES, ids=repr)
def test_a_hostile_branch_never_reaches_git(tmp_path: Path, branch: str) -> None:
    with pytest.raises(UsageError):
        make(tmp_path / "mirror.git", "/srv/state.git", branch=branch)


@pytest.mark.parametrize("branch", ["main", "release/1.0", "team_a/x+y", "gr\u00fcn", "#7"])
def test_an_unusual_branch_works(tmp_path: Path, branch: str) -> None:
    remote = Remote(tmp_path / "remote.git")
    sha = remote.commit({"a": "1"}, branch=branch)
    assert make(tmp_path / "mirror.git", remote.url, branch=branch).fetch() == sha


@pytest.mark.parametrize(
    "options",
    [
        {"host": "web-1>\n"},
        {"host": ""},
        {"committer_name": "moor<line"},
        {"committer_name": ""},
        {"committer_email": "moorline"},
        {"committer_email": "a@b\n"},
        {"committer_email": "a@b> x <c@d"},
    ],
)
def test_a_committer_cannot_forge_headers(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig):
        make(tmp_path / "mirror.git", "/srv/state.git", **options)


@pytest.mark.parametrize("prefix", ["-x", "..", "a b", "a*", "a\n", "production/../x"])
def test_a_hostile_history_prefix_never_reaches_git(tmp_path: Path, prefix: str) -> None:
    remote = Remote(tmp_path / "remote.git")
    with pytest.raises(UsageError):
        make(tmp_path / "mirror.git", remote.url).history(prefix, limit=1)


def test_paths_are_literal(tmp_path: Path) -> None:
    remote = Remote(tmp_path / "remote.git")
    remote.commit({"environments/a.yaml": "1", ":(glob)x": "2", "star*": "3", "starry": "4"})
    repo = make(tmp_path / "mirror.git", remote.url)
    tip = repo.fetch()
    assert repo.read(tip, "environments/*.yaml") is None
    assert repo.last_change(tip, "environments/*.yaml") is None
    for path, data in ((":(glob)x", b"2"), ("star*", b"3")):
        blob = repo.read(tip, path)
        assert blob is not None
        assert blob.data == data


def test_a_path_that_is_no_repository_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    for url in (str(tmp_path / "nothing.git"), str(tmp_path / "plain")):
        with pytest.raises(NotFound, match="git init --bare"):
            make(tmp_path / "mirror.git", url).fetch()


def test_an_empty_repository_asks_for_a_first_commit(tmp_path: Path) -> None:
    remote = Remote(tmp_path / "remote.git")
    repo = make(tmp_path / "mirror.git", remote.url)
    with pytest.raises(NotFound, match="push a first commit"):
        repo.fetch()
    assert repo.tip() is None


def test_messages_are_one_clean_line(tmp_path: Path) -> None:
    remote = Remote(tmp_path / "remote.git")
    remote.commit({"a": "1"})
    repo = make(tmp_path / "mirror.git", remote.url)
    tip = repo.fetch()
    blob = repo.read(tip, "a")
    assert blob is not None
    remote.hook("pre-receive", r"printf '\033[2Jfirst\nsecond https://u:secret@h/\n' >&2; exit 1")
    with pytest.raises(MoorlineError) as caught:
        repo.replace("a", b"2", expected=blob.oid, message="Back")
    assert str(caught.value).isprintable()
    assert "first" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_another_url_starts_another_mirror(tmp_path: Path) -> None:
    one, two = Remote(tmp_path / "one.git"), Remote(tmp_path / "two.git")
    one.commit({"a": "1"})
    one.commit({"deployments/20261123T101500Z-x.yaml": "1"}, branch="history/x/y")
    tip = two.commit({"b": "2"})
    make(tmp_path / "mirror.git", one.url).fetch()
    repo = make(tmp_path / "mirror.git", two.url)
    assert repo.tip() is None
    assert repo.fetch() == tip
    assert list(repo.history("", limit=9)) == []
    assert git("--git-dir", str(tmp_path / "mirror.git"), "fsck", cwd=tmp_path) == ""
