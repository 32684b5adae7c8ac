"""Obligations of the planner: traffic, replicas and jobs, as plans that read."""

import pytest

from moorline.core.model import Service
from moorline.core.strategy import BlueGreen, Canary, CanaryStep, Job, Rolling
from moorline.core.traffic import Listener
from tests.core.builders import desired, image, service
from tests.core.plan_cases import Case, carried_out, case, gone, text

LISTENERS = (Listener(host_port=80, container_port=80),)
STEPS = (CanaryStep(share=500, seconds=60), CanaryStep(share=2500, pause=True))
JOBS = (
    Job(name="migrate", when="before", image=image("web", "2")),
    Job(name="smoke", when="after", image=image("smoke", "1")),
)


def blue_green(tag: str = "1", **fields: object) -> Service:
    return service(tag=tag, strategy=BlueGreen(), listeners=LISTENERS, **fields)


def canary(tag: str = "1") -> Service:
    return service(tag=tag, strategy=Canary(steps=STEPS), listeners=LISTENERS)


def rolling(tag: str = "1", unavailable: int = 0, surge: int = 1, **fields: object) -> Service:
    strategy = Rolling(max_unavailable=unavailable, max_surge=surge)
    return service(tag=tag, strategy=strategy, replicas=2, **fields)


ONE, TWO, THREE = (desired(blue_green(tag)) for tag in "123")
FIRST, SECOND, THIRD = (desired(canary(tag)) for tag in "123")
OLD, NEW = (desired(rolling(tag)) for tag in "12")
SIDE = service("side", shares={"NetworkMode": "web"})
MOVED = (Listener(host_port=81, container_port=80),)

CASES = (
    case(
        "a first blue-green version gets its port once it is well",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        gate  web  no traffic before it is well
        listen  web  80/tcp  nothing listens yet
        enter  web #1  blue  takes requests from here on
        prove  web  what they replace stays until they are proven
        """,
        now=ONE,
    ),
    case(
        "a new version starts beside the old one, which leaves once the new one is proven",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=TWO,
    ),
    case(
        "taking back after the switch is a switch",
        """
        shift  web  all to blue  it is proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        """,
        was=ONE,
        now=ONE,
        hands=carried_out(TWO, until="prove"),
    ),
    case(
        "taking back before the switch leaves the traffic alone",
        """
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        """,
        was=ONE,
        now=ONE,
        hands=carried_out(TWO, until="enter"),
    ),
    case(
        "killed before the switch, it switches without a second gate",
        """
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=TWO,
        hands=carried_out(TWO, until="shift"),
    ),
    case(
        "killed after the proof, it clears away",
        """
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=TWO,
        hands=carried_out(TWO, until="prove", after=1),
    ),
    case(
        "a version that never got traffic goes before a newer one starts",
        """
        pull  web  r.io/web:3@…  not on this host
        create  web #1  r.io/web:3@…  its image changed
        ready
        stop  web #1  given up before it was proven
        remove  web #1  given up before it was proven
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=THREE,
        hands=carried_out(TWO, until="enter"),
    ),
    case(
        "a newer version takes the track of one that never got traffic",
        """
        pull  web  r.io/web:3@…  not on this host
        create  web #1  r.io/web:3@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        leave  web #1  another version takes its track
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=THREE,
        hands=carried_out(TWO, until="shift"),
    ),
    case(
        "a newer version takes the track of an unproven one once its traffic is back",
        """
        pull  web  r.io/web:3@…  not on this host
        create  web #1  r.io/web:3@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        shift  web  all to blue  what it goes back to is there
        leave  web #1  another version takes its track
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=THREE,
        hands=carried_out(TWO, until="prove"),
    ),
    case(
        "a lost container comes back into the traffic once it is well",
        """
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        await  web #1  no traffic before it is well
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it is proven
        leave  web  its container is gone
        """,
        was=ONE,
        now=ONE,
        hands=gone("web"),
    ),
    case(
        "a canary goes step by step",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        enter  web #1  green  takes requests from here on
        canary  web  5 %, 25 % to green  step by step, while it does no worse than the old one
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=FIRST,
        now=SECOND,
    ),
    case(
        "a first canary has nothing to be compared with",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        gate  web  no traffic before it is well
        listen  web  80/tcp  nothing listens yet
        enter  web #1  blue  takes requests from here on
        prove  web  what they replace stays until they are proven
        """,
        now=FIRST,
    ),
    case(
        "a newer version in the middle of a canary begins anew from the proven one",
        """
        pull  web  r.io/web:3@…  not on this host
        create  web #1  r.io/web:3@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        shift  web  all to blue  what it goes back to is there
        leave  web #1  another version takes its track
        enter  web #1  green  takes requests from here on
        canary  web  5 %, 25 % to green  step by step, while it does no worse than the old one
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=FIRST,
        now=THIRD,
        hands=carried_out(SECOND, until="canary", after=1),
    ),
    case(
        "a canary is taken back by a switch",
        """
        shift  web  all to blue  it is proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        """,
        was=FIRST,
        now=FIRST,
        hands=carried_out(SECOND, until="canary", after=1),
    ),
    case(
        "the ingress takes over a port once the one that holds it has stopped",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        stop  web #1  the ingress takes its port
        listen  web  80/tcp  nothing listens yet
        enter  web #1  blue  takes requests from here on
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=desired(service(port="80")),
        now=TWO,
    ),
    case(
        "the ingress gives up a port before a container takes it",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        unlisten  web  its ports are needed elsewhere
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=desired(service(tag="2", port="80")),
    ),
    case(
        "a moved port is listened at before the new version enters",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        listen  web  81/tcp  as the file says now
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=desired(service(tag="2", strategy=BlueGreen(), listeners=MOVED)),
    ),
    case(
        "a port that moves to another service is given up first",
        """
        pull  api  r.io/api:1@…  not on this host
        create  api #1  r.io/api:1@…  not on this host
        ready
        unlisten  web  its ports are needed elsewhere
        start  api #1  starts: not on this host
        await  web #1  no traffic before it is well
        listen  web  81/tcp  nothing listens yet
        enter  web #1  blue  takes requests from here on
        gate  api  no traffic before it is well
        listen  api  80/tcp  nothing listens yet
        enter  api #1  blue  takes requests from here on
        prove  api  what they replace stays until they are proven
        """,
        was=ONE,
        now=desired(
            service("web", strategy=BlueGreen(), listeners=MOVED),
            service("api", strategy=BlueGreen(), listeners=LISTENERS),
        ),
    ),
    case(
        "replicas are replaced one by one",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        create  web #2  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        await  web #1  the next one waits until it is well
        stop  web #1  replaced: its image changed
        start  web #2  starts: its image changed
        await  web #2  the next one waits until it is well
        stop  web #2  replaced: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        remove  web #2  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        rename  web #2  prod-web-2  takes its settled name
        """,
        was=OLD,
        now=NEW,
    ),
    case(
        "replicas behind the ingress leave it before they stop",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        create  web #2  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        await  web #1  the next one waits until it is well
        enter  web #1  blue  takes requests from here on
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        start  web #2  starts: its image changed
        await  web #2  the next one waits until it is well
        enter  web #2  blue  takes requests from here on
        leave  web #2  it is about to stop
        stop  web #2  replaced: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        remove  web #2  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        rename  web #2  prod-web-2  takes its settled name
        """,
        was=desired(rolling(listeners=LISTENERS)),
        now=desired(rolling("2", listeners=LISTENERS)),
    ),
    case(
        "without surge an old replica stops before a new one starts",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        create  web #2  r.io/web:2@…  its image changed
        ready
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        await  web #1  the next one waits until it is well
        stop  web #2  replaced: its image changed
        start  web #2  starts: its image changed
        await  web #2  the next one waits until it is well
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        remove  web #2  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        rename  web #2  prod-web-2  takes its settled name
        """,
        was=desired(rolling(unavailable=1, surge=0)),
        now=desired(rolling("2", unavailable=1, surge=0)),
    ),
    case(
        "killed in the middle, replicas that run are awaited before old ones stop",
        """
        await  web #1  the next one waits until it is well
        stop  web #1  replaced: its image changed
        start  web #2  was created
        await  web #2  the next one waits until it is well
        stop  web #2  replaced: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        remove  web #2  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        rename  web #2  prod-web-2  takes its settled name
        """,
        was=OLD,
        now=NEW,
        hands=carried_out(NEW, until="await"),
    ),
    case(
        "surplus replicas help out until the new ones are proven",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        start  web #1  starts: its image changed
        await  web #1  the next one waits until it is well
        stop  web #1  replaced: its image changed
        prove  web  what they replace stays until they are proven
        stop  web #2  not in the file
        remove  web #2  not in the file
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=OLD,
        now=desired(service(tag="2", strategy=Rolling())),
    ),
    case(
        "jobs run around the switch",
        """
        pull  web  r.io/web:2@…  not on this host
        pull  web  r.io/smoke:1@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        job  web  migrate  before the new version takes over
        start  web #1  starts: its image changed
        gate  web  no traffic before it is well
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        job  web  smoke  after the new version takes over
        prove  web  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        remove  web  migrate  it has ended
        remove  web  smoke  it has ended
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=ONE,
        now=desired(blue_green("2", jobs=JOBS)),
    ),
    case(
        "what is proven runs no jobs",
        """
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        await  web #1  no traffic before it is well
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it is proven
        leave  web  its container is gone
        """,
        was=desired(blue_green(jobs=JOBS)),
        now=desired(blue_green(jobs=JOBS)),
        hands=gone("web"),
    ),
    case(
        "a service that is removed ends its sessions first",
        """
        leave  web #1  it is about to stop
        stop  web #1  not in the file
        remove  web #1  not in the file
        unlisten  web  not in the file
        """,
        was=desired(blue_green(), service("api")),
        now=desired(service("api")),
    ),
    case(
        "whoever lives in its namespace moves with it",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        create  side #1  r.io/side:1@…  its configuration changed
        ready
        start  web #1  starts: its image changed
        start  side #1  starts: its configuration changed
        gate  web  no traffic before it is well
        enter  web #1  green  takes requests from here on
        shift  web  all to green  it passed its gate
        prove  web,side  what they replace stays until they are proven
        leave  web #1  it is about to stop
        stop  web #1  replaced: its image changed
        remove  web #1  its place is taken
        stop  side #1  replaced: its configuration changed
        remove  side #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        rename  side #1  prod-side-1  takes its settled name
        """,
        was=desired(blue_green(), SIDE),
        now=desired(blue_green("2"), SIDE),
    ),
)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_plans(each: Case) -> None:
    assert text(each.world().plan(each.now), each.now) == each.plan
