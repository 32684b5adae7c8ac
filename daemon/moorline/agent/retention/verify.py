"""After a run: whatever must be there is there, or somebody hears of it."""

from collections.abc import Iterator, Sequence
from functools import partial

from moorline.agent.retention.offices import Offices
from moorline.agent.retention.view import View
from moorline.core.image import ImageRef
from moorline.core.retention.tags import TagRules
from moorline.errors import AccessDenied, RegistryRefused

__all__ = ["critical_names", "missing_names"]

CURRENT = "-current"


def critical_names(view: View, pinned: frozenset[str]) -> tuple[str, ...]:
    """What must resolve after a run in this package, as it was before: tags of what runs, tags
    that are kept for ever, and what `main` pins with everything that belongs to it.
    """
    rules = TagRules(view.ground.policy.rules)
    tags = (tag for each in view.versions.values() for tag in each.tags)
    critical = (f"{view.package}:{tag}" for tag in tags if _is_critical(tag, rules))
    return (*sorted(critical), *sorted(_digests(view, pinned)))


def missing_names(offices: Offices, names: Sequence[str]) -> tuple[str, ...]:
    """Those that do not resolve; raises where the registry cannot be asked."""
    return tuple(_missing(offices, names))


def _is_critical(tag: str, rules: TagRules) -> bool:
    rule = rules.rule_for(tag)
    return tag.endswith(CURRENT) or (rule is not None and rule.keep is None)


def _digests(view: View, pinned: frozenset[str]) -> Iterator[str]:
    needed = view.graph.closure(pinned & view.versions.keys())
    # an index may name a part that nobody ever pushed
    yield from (f"{view.package}@{digest}" for digest in needed if digest in view.versions)


def _missing(offices: Offices, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        offices.check_stop()
        look = partial(offices.registry.exists, ImageRef.parse(name))
        try:
            if not offices.patiently(look):
                yield name
        except (AccessDenied, RegistryRefused) as error:
            yield f"{name} ({error})"
