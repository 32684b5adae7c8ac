"""A moorline that appends records until something ends it: `python … MIRROR URL FIRST JOURNAL`.

Each record's number goes to the journal before it is appended, as an outbox would have it.
"""

import sys
from pathlib import Path

from moorline.adapters.staterepo import GitStateRepo

HISTORY = "history/production/web-1"
LAST = 10_000


def path(number: int) -> str:
    return f"deployments/2026/11/23/20261123T1015{number:05d}Z-production.yaml"


def make(mirror: Path, url: str) -> GitStateRepo:
    return GitStateRepo(
        mirror, url=url, branch="main", host="web-1", committer_email="moorline@web-1"
    )


def main() -> None:
    mirror, url, first, journal = sys.argv[1:]
    repo = make(Path(mirror), url)
    repo.fetch()
    with Path(journal).open("a") as begun:
        for number in range(int(first), LAST):
            begun.write(f"{number}\n")
            begun.flush()
            repo.append(HISTORY, {path(number): b"%d\n" % number}, message=f"Record {number}")


if __name__ == "__main__":
    main()
