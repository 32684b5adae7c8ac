"""A rollout's notes in memory."""

from dataclasses import dataclass, field

from moorline.core.values import JsonObject

__all__ = ["FakeNotes"]


@dataclass
class FakeNotes:
    """See `Notes`."""

    deployment: str = "20261123T100000Z-prod-c0ffee0"
    canaries: dict[str, JsonObject] = field(default_factory=dict)
    jobs: list[JsonObject] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)

    def canary(self, service: str) -> JsonObject:
        return self.canaries.get(service, {})

    def save_canary(self, service: str, progress: JsonObject) -> None:
        self.canaries[service] = progress

    def forward_only(self, service: str, job: str) -> None:
        self.marked.append(f"{service}/{job}")

    def job(self, service: str, evidence: JsonObject) -> None:
        self.jobs.append({"service": service, **evidence})
