"""Obligations of the planner: what comes before what."""

import pytest

from moorline.core.model import Hook
from tests.core.builders import desired, needs, service
from tests.core.plan_cases import Case, carried_out, case, edited, gone, text

SIDECAR = desired(service("web"), service("log", shares={"NetworkMode": "web"}))
DONE = needs("job", "service_completed_successfully")
JOB = desired(service("web", depends_on=(DONE,)), service("job"))
DRAIN = (Hook(command=("drain", "now")),)
WARM = Hook(command=("warm",))

CASES = (
    # --- order ---
    case(
        "service_started waits for the start",
        """
        pull  db  r.io/db:1@…  not on this host
        pull  web  r.io/web:1@…  not on this host
        create  db #1  r.io/db:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  db #1  starts: not on this host
        start  web #1  starts: not on this host
        prove  db,web  what they replace stays until they are proven
        """,
        now=desired(service("web", depends_on=(needs("db"),)), service("db")),
    ),
    case(
        "service_healthy waits for health",
        """
        pull  db  r.io/db:1@…  not on this host
        pull  web  r.io/web:1@…  not on this host
        create  db #1  r.io/db:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  db #1  starts: not on this host
        wait  db  service_healthy  web depends on it
        start  web #1  starts: not on this host
        prove  db,web  what they replace stays until they are proven
        """,
        now=desired(service("web", depends_on=(needs("db", "service_healthy"),)), service("db")),
    ),
    case(
        "two dependents wait once",
        """
        pull  db  r.io/db:1@…  not on this host
        pull  a  r.io/a:1@…  not on this host
        pull  b  r.io/b:1@…  not on this host
        create  db #1  r.io/db:1@…  not on this host
        create  a #1  r.io/a:1@…  not on this host
        create  b #1  r.io/b:1@…  not on this host
        ready
        start  db #1  starts: not on this host
        wait  db  service_healthy  a depends on it
        start  a #1  starts: not on this host
        start  b #1  starts: not on this host
        prove  db,a,b  what they replace stays until they are proven
        """,
        now=desired(
            service("a", depends_on=(needs("db", "service_healthy"),)),
            service("b", depends_on=(needs("db", "service_healthy"),)),
            service("db"),
        ),
    ),
    case(
        "service_completed_successfully waits for the end of a job",
        """
        pull  job  r.io/job:1@…  not on this host
        pull  web  r.io/web:1@…  not on this host
        create  job #1  r.io/job:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  job #1  starts: not on this host
        wait  job  service_completed_successfully  web depends on it
        start  web #1  starts: not on this host
        prove  job,web  what they replace stays until they are proven
        """,
        now=JOB,
    ),
    case(
        "a job that is done is not run again",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        wait  job  service_completed_successfully  web depends on it
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=JOB,
        now=desired(service("web", "2", depends_on=(DONE,)), service("job")),
    ),
    case(
        "a job that failed is run again",
        """
        start  job #1  was exited
        """,
        was=JOB,
        hands=edited("job", exit_code=1),
        now=JOB,
    ),
    case(
        "a dependency that is not in the file is not waited for",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        now=desired(service("web", depends_on=(needs("db", required=False),))),
    ),
    case(
        "a dependent stays up while its dependency is replaced",
        """
        pull  db  r.io/db:2@…  not on this host
        create  db #1  r.io/db:2@…  its image changed
        ready
        stop  db #1  replaced: its image changed
        start  db #1  starts: its image changed
        prove  db  what they replace stays until they are proven
        remove  db #1  its place is taken
        rename  db #1  prod-db-1  takes its settled name
        """,
        was=desired(service("db"), service("web", depends_on=(needs("db"),))),
        now=desired(service("db", "2"), service("web", depends_on=(needs("db"),))),
    ),
    case(
        "with restart it begins anew, and is proven too",
        """
        pull  db  r.io/db:2@…  not on this host
        create  db #1  r.io/db:2@…  its image changed
        ready
        stop  web #1  begins after db, which is started
        stop  db #1  replaced: its image changed
        start  db #1  starts: its image changed
        start  web #1  something that it begins after was started
        prove  db,web  what they replace stays until they are proven
        remove  db #1  its place is taken
        rename  db #1  prod-db-1  takes its settled name
        """,
        was=desired(service("db"), service("web", depends_on=(needs("db", restart=True),))),
        now=desired(service("db", "2"), service("web", depends_on=(needs("db", restart=True),))),
    ),
    # --- shared namespaces ---
    case(
        "who shares a namespace is created and started after its owner",
        """
        pull  web  r.io/web:1@…  not on this host
        pull  log  r.io/log:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        create  log #1  r.io/log:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        start  log #1  starts: not on this host
        prove  web,log  what they replace stays until they are proven
        """,
        now=SIDECAR,
    ),
    case(
        "it is replaced with its owner",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        create  log #1  r.io/log:1@…  its configuration changed
        ready
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        stop  log #1  replaced: its configuration changed
        start  log #1  starts: its configuration changed
        prove  web,log  what they replace stays until they are proven
        remove  web #1  its place is taken
        remove  log #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        rename  log #1  prod-log-1  takes its settled name
        """,
        was=SIDECAR,
        now=desired(service("web", "2"), service("log", shares={"NetworkMode": "web"})),
    ),
    case(
        "it begins anew when its owner is started again",
        """
        stop  log #1  begins after web, which is started
        start  web #1  was exited
        start  log #1  something that it begins after was started
        """,
        was=SIDECAR,
        hands=edited("web", state="exited"),
        now=SIDECAR,
    ),
    case(
        "it is replaced when its owner was made again under another id",
        """
        create  web #1  r.io/web:1@…  not on this host
        create  log #1  r.io/log:1@…  it shares a namespace with an older web
        ready
        start  web #1  starts: not on this host
        stop  log #1  replaced: it shares a namespace with an older web
        start  log #1  starts: it shares a namespace with an older web
        remove  log #1  its place is taken
        rename  log #1  prod-log-1  takes its settled name
        """,
        was=SIDECAR,
        hands=gone("web"),
        now=SIDECAR,
    ),
    case(
        "and also when the deployment was cut off between the two",
        """
        stop  log #1  replaced: it shares a namespace with an older web
        start  log #1  was created
        remove  log #1  its place is taken
        rename  log #1  prod-log-1  takes its settled name
        """,
        was=SIDECAR,
        hands=(gone("web"), carried_out(SIDECAR, until="stop")),
        now=SIDECAR,
    ),
    # --- hooks ---
    case(
        "hooks run after the start and before the stop",
        """
        pull  web  r.io/web:2@…  not on this host
        create  web #1  r.io/web:2@…  its image changed
        ready
        run  web #1  drain  pre_stop
        stop  web #1  replaced: its image changed
        start  web #1  starts: its image changed
        run  web #1  warm  post_start
        run  web #1  post_start
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        """,
        was=desired(service(pre_stop=DRAIN, post_start=(WARM,))),
        now=desired(service(tag="2", post_start=(WARM, Hook(command=())))),
    ),
    case(
        "a paused container runs on before it stops, and one that restarts runs no hook",
        """
        pull  c  r.io/c:1@…  not on this host
        create  c #1  r.io/c:1@…  not on this host
        ready
        unpause  a #1  a paused one cannot stop
        run  a #1  drain  pre_stop
        stop  a #1  not in the file
        stop  b #1  not in the file
        start  c #1  starts: not on this host
        prove  c  what they replace stays until they are proven
        remove  a #1  not in the file
        remove  b #1  not in the file
        """,
        was=desired(service("a", pre_stop=DRAIN), service("b", pre_stop=DRAIN)),
        hands=(edited("a", state="paused"), edited("b", state="restarting")),
        now=desired(service("c")),
    ),
)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_the_plan_reads(each: Case) -> None:
    assert text(each.world().plan(each.now), each.now) == each.plan
