"""`moorline versions SERVICE|IMAGE`."""

from collections.abc import Iterator

import click

from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.registry.lookup import Subject, find_subject
from moorline.agent.registry.versions import VersionHistory, version_history
from moorline.cli.context import Ports, pass_ports, read_config
from moorline.cli.offices import offices_of, tell_progress, to_look_at
from moorline.cli.options import json_option, limit_option, wants
from moorline.cli.output import columns, emit, remark, say
from moorline.cli.since import SINCE, Since
from moorline.cli.times import day_text, iso_text, minute_text
from moorline.core.image import Digest
from moorline.core.retention.model import Verdict
from moorline.core.sizes import size_text
from moorline.core.values import Json
from moorline.core.versions import VersionLine, kept_until
from moorline.errors import MoorlineError

__all__ = ["command"]

TAGS = 3
"""So many tags of a version are shown to people."""


@click.command("versions")
@click.argument("name", metavar="SERVICE|IMAGE")
@click.option("--env", "environment", metavar="ENV", help="Only look for SERVICE in this one.")
@click.option(
    "--since",
    type=SINCE,
    metavar="AGO|DATE",
    help="Only what was pushed since: 12h, 30d, 4w, or a date.",
)
@limit_option
@json_option
@pass_ports
def command(
    ports: Ports, *, name: str, environment: str | None, since: Since | None, limit: int
) -> int:
    """List the versions of an image: what each is, where it runs and ran, and how long it stays.

    SERVICE is one of this host's environments (web, or production/web); IMAGE is a repository
    (ghcr.io/acme/app). What stands in the first column, or a tag, is what 'moorline rollback --to'
    takes.

    The first run over a package reads each of its manifests once, later ones only those that are
    new. Where git, the engine or the policy cannot be read, a remark says what is not known.

    Exit code: 0, 1 error (the registry is away, or there is no such package), 2 usage.
    """
    config = read_config(environment)
    environments = (environment,) if environment else config.environments
    with to_look_at(config) as own, offices_of(own, ports) as offices:
        _know_something(offices.repo)
        subject = find_subject(offices.repo, environments, name)
        now = offices.now()
        with tell_progress() as progress:
            found = version_history(
                offices,
                subject.image,
                since=since.moment(now) if since else 0.0,
                limit=limit,
                progress=progress,
            )
    for text in found.remarks:
        remark(text)
    if wants("json"):
        emit(_as_data(found))
    else:
        _show(found, subject)
    return 0


def _know_something(repo: StateRepo) -> None:
    """A mirror that was never fetched knows no services. Others are brought up to date later."""
    if repo.tip() is not None:
        return
    try:
        repo.fetch()
    except MoorlineError as error:
        remark(f"the state repo is not known here: {error}")


def _show(found: VersionHistory, subject: Subject) -> None:
    shown = len(found.lines)
    say(f"{found.package}: {shown} of {found.total} versions")
    if not found.lines:
        return
    heads = columns([tuple(_cells(each)) for each in found.lines]).split("\n")
    for head, line in zip(heads, found.lines, strict=True):
        say(head)
        if story := "; ".join(_story(line)):
            say(f"    {story}")
    environment = subject.environment or "ENV"
    service = f" --service {subject.service}" if subject.service else ""
    remark(
        f"go back with: moorline rollback {environment} --to sha256:…{service} --confirm ROLLBACK"
    )


def _cells(line: VersionLine) -> Iterator[str]:
    """What each version is; its tags come last, since a terminal cuts what is too long."""
    yield f"sha256:{Digest(line.digest).short}"
    yield minute_text(line.created) if line.created else "?"
    yield line.commit[:7] or "-"
    yield "?" if line.size is None else size_text(line.size, like=line.size)
    yield ", ".join(line.platforms) or "?"
    yield {True: "here", False: "-", None: "?"}[line.on_host]
    more = len(line.tags) - TAGS
    yield ", ".join(line.tags[:TAGS]) + (f" +{more}" if more > 0 else "") or "no tag"


def _story(line: VersionLine) -> Iterator[str]:
    """What became of it, and what will."""
    if line.runs:
        yield f"runs {', '.join(map(str, line.runs))}"
    if line.ran:
        newest = line.ran[0]
        yield f"ran {newest.place}, proven {newest.last[:10]}"
    if line.previous_of:
        yield f"previous of {', '.join(line.previous_of)}"
    if line.verdict is not None:
        yield _outlook(line.verdict)


def _outlook(verdict: Verdict) -> str:
    if verdict.fate == "delete":
        return f"goes: {verdict.reason}"
    until = kept_until(verdict)
    if until is not None:
        return f"stays until {day_text(until)}"
    return f"stays: {verdict.reason}"


# --- for machines --------------------------------------------------------------------------------


def _as_data(found: VersionHistory) -> dict[str, Json]:
    return {
        "package": found.package,
        "total": found.total,
        "versions": [_line_data(each) for each in found.lines],
        "remarks": list(found.remarks),
    }


def _line_data(line: VersionLine) -> dict[str, Json]:
    return {
        "digest": line.digest,
        "tags": list(line.tags),
        "platforms": list(line.platforms),
        "size": line.size,
        "commit": line.commit or None,
        "created": iso_text(line.created) if line.created else None,
        "runs": [
            {"environment": each.environment, "service": each.service, "host": each.host}
            for each in line.runs
        ],
        "ran": [
            {
                "environment": each.place.environment,
                "service": each.place.service,
                "host": each.place.host,
                "first": each.first,
                "last": each.last,
            }
            for each in line.ran
        ],
        "previous_of": list(line.previous_of),
        "on_host": line.on_host,
        "retention": None if line.verdict is None else _verdict_data(line.verdict),
    }


def _verdict_data(verdict: Verdict) -> dict[str, Json]:
    return {
        "verdict": verdict.fate,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "expires": None if verdict.expires is None else iso_text(verdict.expires),
    }
