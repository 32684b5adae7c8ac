"""What is written into git: records of deployments and backups, and the commits around them.

Rule 1: pure, and byte for byte the same for the same input: a record that is written twice after
        a crash is one record.
Rule 2: text from containers and people is masked and stripped of control characters before it is
        put anywhere: a log line must not forge a trailer, and a secret must not reach git.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import yaml

from moorline.core.values import Json, JsonObject

__all__ = [
    "ID_TIME",
    "Backup",
    "Deployment",
    "Outcome",
    "ServiceEvidence",
    "Summary",
    "commit_message",
    "iso_time",
    "mask",
    "masked",
    "masked_logs",
    "one_line",
    "record_id",
    "record_path",
    "rollback_message",
    "summarise",
]

Outcome: TypeAlias = Literal["proven", "taken back", "failed", "superseded", "repaired"]
LOG_LINES = 50
LOG_LINE_LENGTH = 500
SAMPLES = 40
DEEP = 10_000
SECRET_LINE = 8
"""A line of a secret that has several is masked by itself from this length on."""

ID_TIME = "%Y%m%dT%H%M%SZ"
"""How ids of records, and rollback tags, write their time."""
# besides control characters those that break a line, and halves of surrogate pairs
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvidence:
    """Why a service was judged as it was. `image` and `previous` are pins, "" for none."""

    image: str
    previous: str = ""
    verdict: str = ""
    reason: str = ""
    exit_code: int | None = None
    samples: tuple[JsonObject, ...] = ()
    logs: tuple[str, ...] = ()

    def as_data(self) -> JsonObject:
        data: dict[str, Json] = {"image": self.image}
        if self.previous and self.previous != self.image:
            data["previous"] = self.previous
        if self.verdict:
            data["verdict"] = self.verdict
        if self.reason:
            data["reason"] = self.reason
        if self.exit_code is not None:
            data["exit_code"] = self.exit_code
        if self.samples:
            data["samples"] = list(_thinned(_merged(self.samples)))
        if self.logs:
            data["logs"] = list(self.logs)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One rollout or repair, from what was asked to what came of it. Times are UTC."""

    id: str
    environment: str
    host: str
    commit: str
    blob: str
    author: str
    subject: str
    previous_commit: str
    outcome: Outcome
    sentence: str
    started: datetime
    ended: datetime
    plan: Sequence[JsonObject]
    services: Mapping[str, JsonObject]
    """Service → `ServiceEvidence.as_data()`."""
    timings: Mapping[str, float] = field(default_factory=dict)
    rollback_commit: str = ""

    @property
    def path(self) -> str:
        """Where the record lies on its history branch."""
        return record_path("deployments", self.id)

    def encode(self) -> bytes:
        """The record as YAML."""
        return _dump(
            {
                "kind": "deployment",
                "id": self.id,
                "environment": self.environment,
                "host": self.host,
                "outcome": self.outcome,
                "sentence": one_line(self.sentence),
                "state_commit": self.commit,
                "file_blob": self.blob,
                "author": one_line(self.author),
                "subject": one_line(self.subject),
                "previous_commit": self.previous_commit or None,
                "rollback_commit": self.rollback_commit or None,
                "started": iso_time(self.started),
                "ended": iso_time(self.ended),
                "timings": {name: round(value, 3) for name, value in self.timings.items()},
                "services": dict(self.services),
                "plan": list(self.plan),
            },
        )

    def message(self) -> str:
        """The commit message: one line for people, trailers for machines."""
        trailers = [("Environment", self.environment)]
        for name, evidence in self.services.items():
            trailers += [("Service", name), ("Digest", _digest_of(evidence.get("image")))]
            if previous := evidence.get("previous"):
                trailers.append(("Previous-Digest", _digest_of(previous)))
        trailers += [
            ("State-Commit", self.commit),
            ("Deployment-Id", self.id),
            ("Agent-Host", self.host),
            ("Outcome", self.outcome),
        ]
        if self.rollback_commit:
            trailers.append(("Rollback-Commit", self.rollback_commit))
        title = f"{self.environment}: {self.outcome} {self.commit[:7]} on {self.host}"
        return commit_message(title, self.sentence, trailers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """The way back, written before a change: what was proven then."""

    id: str
    environment: str
    host: str
    commit: str
    blob: str
    pins: Mapping[str, str]
    taken: datetime

    @property
    def path(self) -> str:
        """Where the record lies on its history branch."""
        return record_path("backups", self.id)

    def encode(self) -> bytes:
        """The record as YAML."""
        return _dump(
            {
                "kind": "backup",
                "id": self.id,
                "environment": self.environment,
                "host": self.host,
                "state_commit": self.commit,
                "file_blob": self.blob,
                "taken": iso_time(self.taken),
                "pins": dict(self.pins),
                "restore": f"moorline rollback {self.environment} --to {self.commit} "
                "--confirm ROLLBACK",
            },
        )

    def message(self) -> str:
        """The commit message, for the rare case that a backup travels alone."""
        trailers = [
            ("Environment", self.environment),
            ("State-Commit", self.commit),
            ("Deployment-Id", self.id),
            ("Agent-Host", self.host),
            ("Outcome", "backup"),
        ]
        title = f"{self.environment}: backup of {self.commit[:7]} on {self.host}"
        return commit_message(title, "Taken before a change.", trailers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What `history` and a rollback need of a record."""

    kind: str
    id: str
    environment: str
    host: str
    commit: str
    blob: str = ""
    outcome: str = ""
    sentence: str = ""
    started: str = ""
    ended: str = ""
    rollback_commit: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)


def record_id(now: datetime, environment: str, commit: str, *, after: str = "") -> str:
    """An id that sorts by time, and behind `after` (the last one given out here) in any case."""
    moment = now
    if after:
        last = datetime.strptime(after.partition("-")[0], ID_TIME).replace(tzinfo=UTC)
        moment = max(now.replace(microsecond=0), last + timedelta(seconds=1))
    return f"{moment.strftime(ID_TIME)}-{environment}-{commit[:7]}"


def summarise(data: bytes) -> Summary | None:
    """Read a record back; None for a file that is none of ours."""
    try:
        value = _load(data)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: the 31st of February
        return None
    if not isinstance(value, dict) or value.get("kind") not in ("deployment", "backup"):
        return None

    def text(key: str) -> str:
        found = value.get(key)
        # a hand may have written a number; a list is not even worth its text
        return str(found) if isinstance(found, str | int | float) else ""

    return Summary(
        kind=text("kind"),
        id=text("id"),
        environment=text("environment"),
        host=text("host"),
        commit=text("state_commit"),
        blob=text("file_blob"),
        outcome=text("outcome"),
        sentence=text("sentence"),
        started=text("started") or text("taken"),
        ended=text("ended"),
        rollback_commit=text("rollback_commit"),
        pins=_pins(value),
    )


def rollback_message(
    *,
    environment: str,
    host: str,
    failed: str,
    restored: str,
    deployment: str,
    reason: str,
) -> str:
    """The message of the commit that takes a failed change back on the state branch."""
    title = f"Roll back {environment} to {restored[:7]}: {reason}"
    body = (
        f"{failed[:7]} failed on {host} and was taken back there. This restores the file as it "
        f"was at {restored[:7]}. The evidence is record {deployment}."
    )
    trailers = [
        ("Environment", environment),
        ("Rollback-Of", failed),
        ("State-Commit", restored),
        ("Deployment-Id", deployment),
        ("Agent-Host", host),
    ]
    return commit_message(title, body, trailers)


def mask(text: str, sensitive: Collection[str]) -> str:
    """Replace every sensitive value by `***` and control characters by a space."""
    # the longest first: one value may be part of another
    for value in sorted(_secrets(sensitive), key=lambda each: (-len(each), each)):
        text = text.replace(value, "***")
    return _CONTROL.sub(" ", text)


def masked(data: JsonObject, sensitive: Collection[str]) -> dict[str, Json]:
    """Every text of some evidence masked, however deep it lies."""
    return {key: _masked(value, sensitive) for key, value in data.items()}


def masked_logs(lines: Sequence[str], sensitive: Collection[str]) -> tuple[str, ...]:
    """The last lines of a log, fit for a record."""
    return tuple(mask(line, sensitive)[:LOG_LINE_LENGTH] for line in lines[-LOG_LINES:])


def _masked(value: Json, sensitive: Collection[str]) -> Json:
    match value:
        case str():
            return mask(value, sensitive)
        case Mapping():
            return masked(value, sensitive)
        case Sequence():
            return [_masked(each, sensitive) for each in value]
        case _:
            return value


def _secrets(sensitive: Collection[str]) -> set[str]:
    """Every value, and every line of one that has several: logs come line by line."""
    lines = (line.strip() for value in sensitive for line in value.splitlines())
    return {*sensitive, *(line for line in lines if len(line) >= SECRET_LINE)} - {""}


def _load(data: bytes) -> object:
    """Fast, but not for what may be nested deep: the fast loader's recursion has no limit, and
    ends the process where the slow one's ends in an error.
    """
    nesting = sum(data.count(mark) for mark in (b"[", b"{", b"- ", b"-\t", b"? ", b"?\t"))
    return yaml.load(data, Loader=yaml.CSafeLoader) if nesting < DEEP else yaml.safe_load(data)


def record_path(folder: str, record: str) -> str:
    """Where the record with this id lies in a folder of a history branch."""
    return f"{folder}/{record[0:4]}/{record[4:6]}/{record[6:8]}/{record}.yaml"


def commit_message(title: str, body: str, trailers: Sequence[tuple[str, str]]) -> str:
    """One line for people, a sentence, and trailers for machines; nothing in it forges one."""
    lines = [f"{key}: {one_line(value)}" for key, value in trailers]
    return f"{one_line(title)[:120]}\n\n{one_line(body)}\n\n" + "\n".join(lines) + "\n"


def one_line(text: str) -> str:
    """The same without line breaks and control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _digest_of(pin: Json) -> str:
    return str(pin).partition("@")[2]


def _merged(samples: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """Of looks that saw the same one after the other, the first and the last."""

    def seen(sample: JsonObject) -> JsonObject:
        return {key: value for key, value in sample.items() if key != "at"}

    kept: list[JsonObject] = []
    for sample in samples:
        if len(kept) > 1 and seen(kept[-2]) == seen(kept[-1]) == seen(sample):
            kept.pop()
        kept.append(sample)
    return kept


def _thinned(samples: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """All samples where they are few, else the first, the last and an even choice between."""
    if len(samples) <= SAMPLES:
        return samples
    step = (len(samples) - 1) / (SAMPLES - 1)
    return [samples[round(index * step)] for index in range(SAMPLES)]


def _pins(value: Mapping[str, object]) -> dict[str, str]:
    pins, services = value.get("pins"), value.get("services")
    if isinstance(pins, dict):
        return {str(name): pin for name, pin in pins.items() if isinstance(pin, str)}
    if isinstance(services, dict):
        found = {str(k): v.get("image") for k, v in services.items() if isinstance(v, dict)}
        return {name: pin for name, pin in found.items() if pin and isinstance(pin, str)}
    return {}


def iso_time(moment: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Dumper(yaml.SafeDumper):
    """Writes no anchors: a record is read by people."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (the base class's signature)
        return True


def _dump(value: JsonObject) -> bytes:
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        encoding="utf-8",
    )
