"""Packages, versions and owners in the form that GitHub gives them."""

from urllib.parse import quote

from tests.ghcr.calls import number
from tests.ghcr.store import Package, Row
from tests.ghcr.wire import moment


def version(root: str, kind: str, package: Package, row: Row) -> dict[str, object]:
    page = f"https://github.com/{package.owner}/pkgs/container/{package.name}"
    value: dict[str, object] = {
        "id": row.id,
        "name": row.digest,
        "url": f"{_url(root, kind, package)}/versions/{row.id}",
        "package_html_url": page,
        "created_at": moment(row.created),
        "updated_at": moment(row.created),
        "html_url": f"{page}/{row.id}",
        "metadata": {"package_type": "container", "container": {"tags": row.tags}},
    }
    return value if row.deleted is None else {**value, "deleted_at": moment(row.deleted)}


def package_object(root: str, kind: str, package: Package) -> dict[str, object]:
    return {
        "id": package.id,
        "name": package.name,
        "package_type": "container",
        "owner": simple_user(root, kind, package.owner),
        "version_count": len(package.active),
        "visibility": package.visibility,
        "url": _url(root, kind, package),
        "created_at": moment(package.created),
        "updated_at": moment(package.created),
        "html_url": f"https://github.com/{package.owner}/pkgs/container/{package.name}",
    }


def public_user(root: str, kind: str, login: str) -> dict[str, object]:
    about = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = dict.fromkeys(("created_at", "updated_at"), moment(0))
    return {**simple_user(root, kind, login), **about, "blog": "", **counts, **times}


def simple_user(root: str, kind: str, login: str) -> dict[str, object]:
    home = f"{root}/users/{login}"
    below = {
        "followers": "followers",
        "following": "following{/other_user}",
        "gists": "gists{/gist_id}",
        "starred": "starred{/owner}{/repo}",
        "subscriptions": "subscriptions",
        "organizations": "orgs",
        "repos": "repos",
        "events": "events{/privacy}",
        "received_events": "received_events",
    }
    return {
        "login": login,
        "id": number(login),
        "node_id": f"U_{number(login):x}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number(login)}",
        "gravatar_id": "",
        "url": home,
        "html_url": f"https://github.com/{login}",
        **{f"{what}_url": f"{home}/{path}" for what, path in below.items()},
        "type": kind,
        "site_admin": False,
    }


def _url(root: str, kind: str, package: Package) -> str:
    home = "users" if kind == "User" else "orgs"
    return f"{root}/{home}/{package.owner}/packages/container/{quote(package.name, safe='')}"
