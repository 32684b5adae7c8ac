"""Record what Docker Compose makes of each case, for machines that have no Compose.

usage: python -m tests.differential.record
"""

import json

from tests.differential.cases import RECORDED, Case, compared
from tests.differential.world import World, engine


def main() -> None:
    """Record every case anew."""
    with engine() as world:
        assert world.compose, "no Docker Compose v2: tests/parts/compose-v2.sh gets one"
        for old in RECORDED.glob("*.json"):
            old.unlink()
        _write("made-with", world.made_with())
        for case in compared():
            _record(case, world)


def _record(case: Case, world: World) -> None:
    _write(case.name, world.by_compose(case))
    print(case.name)


def _write(name: str, content: object) -> None:
    RECORDED.mkdir(exist_ok=True)
    text = json.dumps(content, indent=1, sort_keys=True)
    (RECORDED / f"{name}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
