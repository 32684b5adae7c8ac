"""What holds where the state repo has no policy: the rules of the template, and no package."""

from moorline.core.retention.model import DAY, Policy, Rule

__all__ = ["default_policy"]

_FOREVER = None
_RULES = (
    Rule(name="rollback backups", match="*-rollback-*", keep=30 * DAY, untag=True),
    Rule(name="production", match="production-*", keep=_FOREVER),
    Rule(name="staging", match="staging-*", keep=_FOREVER),
    Rule(name="latest", match="latest", keep=_FOREVER),
    Rule(name="main", match="main", keep=_FOREVER),
    Rule(name="semantic versions", match="semver", keep=_FOREVER),
    Rule(name="commits", match="sha", keep=90 * DAY),
    Rule(name="untagged", match="untagged", keep=7 * DAY),
)


def default_policy() -> Policy:
    """It decides about nothing, since it names no package."""
    return Policy(packages=(), rules=_RULES)
