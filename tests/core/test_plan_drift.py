"""Obligations of the planner: what hands did to containers is undone."""

import pytest

from tests.core.builders import desired, foreign, service
from tests.core.plan_cases import (
    Case,
    case,
    copied,
    edited,
    gone,
    made,
    swapped,
    text,
    without_image,
)

WEB = desired(service())
TWO = desired(service("web"), service("api"))
SPEC = WEB.workloads[0].spec[:8]

CASES = (
    # --- drift ---
    case(
        "a stopped container is started",
        """
        start  web #1  was exited
        """,
        was=WEB,
        hands=edited("web", state="exited", exit_code=137),
        now=WEB,
    ),
    case(
        "a removed container is made again, without a proof that it does not need",
        """
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        """,
        was=WEB,
        hands=gone("web"),
        now=WEB,
    ),
    case(
        "one whose image went too is pulled again",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        """,
        was=WEB,
        hands=(gone("web"), without_image(WEB)),
        now=WEB,
    ),
    case(
        "a paused container runs on",
        """
        unpause  web #1  was paused by hand
        """,
        was=WEB,
        hands=edited("web", state="paused"),
        now=WEB,
    ),
    case(
        "a dead container is replaced",
        """
        create  web #1  r.io/web:1@…  the engine could not remove it cleanly
        ready
        start  web #1  starts: the engine could not remove it cleanly
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=edited("web", state="dead"),
        now=WEB,
    ),
    case(
        "a restarting container is left to its restart policy",
        "(nothing)",
        was=WEB,
        hands=edited("web", state="restarting"),
        now=WEB,
    ),
    case(
        "a container on its way out is not waited for",
        """
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        """,
        was=WEB,
        hands=edited("web", state="removing"),
        now=WEB,
    ),
    case(
        "a renamed container gets its name back",
        """
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=edited("web", name="odd"),
        now=WEB,
    ),
    case(
        "two containers that carry each other's name change back over a third",
        """
        rename  web #1  prod-web-1-SPEC  another service needs its name
        rename  api #1  prod-api-1-SPEC  another service needs its name
        rename  web #1  prod-web-1  takes its settled name
        rename  api #1  prod-api-1  takes its settled name
        """,
        was=TWO,
        hands=swapped("web", "api"),
        now=TWO,
    ),
    case(
        "one that carries the name of a service that is made again gives it back",
        """
        create  api #1  r.io/api:1@…  not on this host
        ready
        start  api #1  starts: not on this host
        rename  web #1  prod-web-1  another service needs its name
        rename  api #1  prod-api-1  takes its settled name
        """,
        was=TWO,
        hands=(gone("api"), edited("web", name="prod-api-1")),
        now=TWO,
    ),
    case(
        "a name that another tool keeps is left to it",
        "(nothing)",
        was=WEB,
        hands=(edited("web", name="odd"), made(foreign("prod-web-1", "shell"))),
        now=WEB,
    ),
    case(
        "limits that were changed by hand need a new container",
        """
        create  web #1  r.io/web:1@…  changed by hand: Memory
        ready
        update  web #1  restart policy  the engine's next start must not revive it
        stop  web #1  replaced: changed by hand: Memory
        start  web #1  starts: changed by hand: Memory
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=edited("web", altered=("Memory", "RestartPolicy")),
        now=WEB,
    ),
    case(
        "a restart policy that was changed by hand is put back in place",
        """
        update  web #1  restart policy  was changed by hand
        """,
        was=WEB,
        hands=edited("web", altered=("RestartPolicy",)),
        now=WEB,
    ),
    case(
        "a second container of the same kind goes",
        """
        stop  web #1  its place is taken
        remove  web #1  its place is taken
        """,
        was=WEB,
        hands=copied("web"),
        now=WEB,
    ),
    case(
        "of two the running one stays",
        """
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=(edited("web", state="exited"), copied("web")),
        now=WEB,
    ),
    # --- other tools' containers ---
    case(
        "a container of another tool is not in the plan",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        hands=made(foreign("theirs", "web"), foreign("old", "gone")),
        now=WEB,
    ),
    case(
        "its name is not taken either",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        hands=made(
            foreign("prod-web-1", "shell"),
            foreign(f"prod-web-1-{SPEC}", "shell"),
            foreign(f"prod-web-1-{SPEC}-2", "shell"),
        ),
        now=WEB,
    ),
)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_the_plan_reads(each: Case) -> None:
    assert text(each.world().plan(each.now), each.now) == each.plan
