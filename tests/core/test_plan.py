"""Obligations of the planner: deployments. What is expected is the plan as it reads."""

import pytest

from tests.core.builders import desired, image, service
from tests.core.plan_cases import Case, carried_out, case, edited, text

WEB = desired(service())
NEW = desired(service(tag="2"))
TWO = desired(service("web"), service("api"))

CASES = (
    # --- a file that says something new ---
    case(
        "a first deployment pulls, creates, and only then starts",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        now=WEB,
    ),
    case(
        "what is in step plans nothing",
        "(nothing)",
        was=WEB,
        now=WEB,
    ),
    case(
        "another commit with the same content plans nothing",
        "(nothing)",
        was=WEB,
        now=desired(service(), commit="0ther"),
    ),
    case(
        "a moved digest is pulled before anything stops",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        now=NEW,
    ),
    case(
        "an image that is here is not pulled",
        """
        create  web #1  r.io/web:1@…  its image changed
        ready
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=(WEB, NEW),
        now=WEB,
    ),
    case(
        "a changed configuration makes a new container of the same image",
        """
        create  web #1  r.io/web:1@…  its configuration changed
        ready
        stop  web #1  replaced: its configuration changed
        start  web #1  starts: its configuration changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        now=desired(service(env=["A=1"])),
    ),
    case(
        "one image of two services is pulled once",
        """
        pull  a,b  r.io/web:1@…  not on this host
        create  a #1  r.io/web:1@…  not on this host
        create  b #1  r.io/web:1@…  not on this host
        ready
        start  a #1  starts: not on this host
        start  b #1  starts: not on this host
        prove  a,b  what they replace stays until they are proven
        """,
        now=desired(service("a", image=image()), service("b", image=image())),
    ),
    case(
        "a service that is added leaves the others alone",
        """
        pull  api  r.io/api:1@…  not on this host
        create  api #1  r.io/api:1@…  not on this host
        ready
        start  api #1  starts: not on this host
        prove  api  what they replace stays until they are proven
        """,
        was=WEB,
        now=TWO,
    ),
    case(
        "a service that is gone from the file is stopped, and removed at the end",
        """
        stop  web #1  not in the file
        remove  web #1  not in the file
        """,
        was=TWO,
        now=desired(service("api")),
    ),
    case(
        "a renamed service takes its port over",
        """
        pull  site  r.io/site:1@…  not on this host
        create  site #1  r.io/site:1@…  not on this host
        ready
        stop  web #1  not in the file
        start  site #1  starts: not on this host
        prove  site  what they replace stays until they are proven
        remove  web #1  not in the file
        """,
        was=desired(service("web", port="80")),
        now=desired(service("site", port="80")),
    ),
    case(
        "two services that swap ports both stop before either starts",
        """
        create  a #1  r.io/a:1@…  its configuration changed
        create  b #1  r.io/b:1@…  its configuration changed
        ready
        stop  a #1  another service takes its port
        stop  b #1  another service takes its port
        start  a #1  starts: its configuration changed
        start  b #1  starts: its configuration changed
        prove  a,b  what they replace stays until they are proven
        remove  a #1  its place is taken
        remove  b #1  its place is taken
        rename  a #1  prod-a-1  takes its settled name
        rename  b #1  prod-b-1  takes its settled name
        """,
        was=desired(service("a", port="80"), service("b", port="81")),
        now=desired(service("a", port="81"), service("b", port="80")),
    ),
    case(
        "a port of a range that another service takes is freed first",
        """
        pull  b  r.io/b:1@…  not on this host
        create  a #1  r.io/a:1@…  its configuration changed
        create  b #1  r.io/b:1@…  not on this host
        ready
        stop  a #1  another service takes its port
        start  a #1  starts: its configuration changed
        start  b #1  starts: not on this host
        prove  a,b  what they replace stays until they are proven
        remove  a #1  its place is taken
        rename  a #1  prod-a-1  takes its settled name
        """,
        was=desired(service("a", port="80")),
        now=desired(service("a", port="90"), service("b", port="80-81")),
    ),
    case(
        "a container that keeps crashing may hold a port that is not seen",
        """
        pull  b  r.io/b:1@…  not on this host
        create  b #1  r.io/b:1@…  not on this host
        ready
        stop  a #1  not in the file
        start  b #1  starts: not on this host
        prove  b  what they replace stays until they are proven
        remove  a #1  not in the file
        """,
        was=desired(service("a", port="80")),
        hands=edited("a", state="restarting"),
        now=desired(service("b", port="80")),
    ),
    case(
        "more replicas add containers",
        """
        create  web #2  r.io/web:1@…  not on this host
        create  web #3  r.io/web:1@…  not on this host
        ready
        start  web #2  starts: not on this host
        start  web #3  starts: not on this host
        """,
        was=WEB,
        now=desired(service(replicas=3)),
    ),
    case(
        "fewer replicas remove the last ones",
        """
        stop  web #2  not in the file
        stop  web #3  not in the file
        remove  web #2  not in the file
        remove  web #3  not in the file
        """,
        was=desired(service(replicas=3)),
        now=WEB,
    ),
    case(
        "no replicas leave nothing",
        """
        stop  web #1  not in the file
        remove  web #1  not in the file
        """,
        was=WEB,
        now=desired(service(replicas=0)),
    ),
    case(
        "a container_name is the settled name",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  shop  takes its settled name
        """,
        was=desired(service(container_name="shop")),
        now=desired(service(tag="2", container_name="shop")),
    ),
    case(
        "two services that exchange container names wait for each other's removal",
        """
        create  a #1  r.io/a:1@…  its configuration changed
        create  b #1  r.io/b:1@…  its configuration changed
        ready
        stop  a #1  replaced: its configuration changed
        start  a #1  starts: its configuration changed
        stop  b #1  replaced: its configuration changed
        start  b #1  starts: its configuration changed
        prove  a,b  what they replace stays until they are proven
        remove  a #1  its place is taken
        remove  b #1  its place is taken
        rename  a #1  y  takes its settled name
        rename  b #1  x  takes its settled name
        """,
        was=desired(service("a", container_name="x"), service("b", container_name="y")),
        now=desired(service("a", container_name="y"), service("b", container_name="x")),
    ),
    # --- going back, and starting over ---
    case(
        "going back starts the stopped container again and removes what failed",
        """
        stop  web #1  replaced: its image changed
        start  web #1  was exited
        remove  web #1  its place is taken
        """,
        was=WEB,
        hands=carried_out(NEW, until="prove"),
        now=WEB,
    ),
    case(
        "going back from a first deployment removes everything",
        """
        stop  api #1  not in the file
        stop  web #1  not in the file
        remove  api #1  not in the file
        remove  web #1  not in the file
        """,
        hands=carried_out(TWO, until="prove"),
        now=desired(),
    ),
    case(
        "a deployment that was cut off before its proof is taken up there",
        """
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=carried_out(NEW, until="prove"),
        now=NEW,
    ),
    case(
        "one that was cut off after it only clears away",
        """
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=carried_out(NEW, until="prove", after=1),
        now=NEW,
    ),
    case(
        "one that was cut off between stop and start goes on",
        """
        start  web #1  was created
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=carried_out(NEW, until="start"),
        now=NEW,
    ),
    case(
        "a third version after a failed second one leaves the first until the proof",
        """
        pull  web  r.io/web:3@…  not on this host
        create  web #1  r.io/web:3@…  its image changed
        ready
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        hands=carried_out(NEW, until="prove"),
        now=desired(service(tag="3")),
    ),
    case(
        "a version that was only made goes before a newer one starts",
        """
        pull  web  r.io/web:3@…  not on this host
        create  web #1  r.io/web:3@…  its image changed
        ready
        remove  web #1  given up before it was proven
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=WEB,
        now=desired(service(tag="3")),
        hands=carried_out(NEW, until="ready"),
    ),
    case(
        "what runs and was never proven is proven",
        """
        prove  web  what they replace stays until they are proven
        """,
        was=WEB,
        now=WEB,
        unproven=True,
    ),
)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_the_plan_reads(each: Case) -> None:
    assert text(each.world().plan(each.now), each.now) == each.plan
