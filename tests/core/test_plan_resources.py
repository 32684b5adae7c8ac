"""Obligations of the planner: networks and volumes."""

import pytest

from moorline.core.model import ObservedNetwork, ObservedVolume
from tests.core.builders import desired, network, service, volume
from tests.core.plan_cases import Case, case, edited, text, there

WEB = desired(service())
BACK = desired(service(networks=["back"]))
INTERNAL = (network("back", body={"Internal": True}),)
CHANGED = desired(service(networks=["back"]), networks=INTERNAL)

CASES = (
    case(
        "networks and volumes are created first",
        """
        pull  web  r.io/web:1@…  not on this host
        create  network back  not on this host
        create  volume data  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        now=desired(service(networks=["back"]), volumes=(volume("data"),)),
    ),
    case(
        "a detached network is attached again",
        """
        connect  web #1  prod_back  was detached by hand
        """,
        was=BACK,
        hands=edited("web", networks=frozenset()),
        now=BACK,
    ),
    case(
        "a network that the file does not give is detached",
        """
        disconnect  web #1  odd  not in the file
        """,
        was=BACK,
        hands=(
            there(ObservedNetwork(name="odd")),
            edited("web", networks=frozenset({"prod_back", "odd"})),
        ),
        now=BACK,
    ),
    case(
        "a stopped container is attached before it starts",
        """
        connect  web #1  prod_back  was detached by hand
        start  web #1  was exited
        """,
        was=BACK,
        hands=edited("web", state="exited", networks=frozenset()),
        now=BACK,
    ),
    case(
        "a network with changed settings is made beside the old one, which goes at the end",
        """
        create  network back  its settings changed
        create  web #1  r.io/web:1@…  its configuration changed
        ready
        stop  web #1  replaced: its configuration changed
        start  web #1  starts: its configuration changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        remove  network prod_back  nothing uses it any more
        """,
        was=BACK,
        now=CHANGED,
    ),
    case(
        "and its second name stays",
        "(nothing)",
        was=(BACK, CHANGED),
        now=CHANGED,
    ),
    case(
        "a network that nothing uses any more is removed",
        """
        create  web #1  r.io/web:1@…  its configuration changed
        ready
        stop  web #1  replaced: its configuration changed
        start  web #1  starts: its configuration changed
        prove  web  what they replace stays until they are proven
        remove  web #1  its place is taken
        rename  web #1  prod-web-1  takes its settled name
        remove  network prod_back  nothing uses it any more
        """,
        was=BACK,
        now=WEB,
    ),
    case(
        "another environment's network stays",
        "(nothing)",
        was=WEB,
        hands=there(ObservedNetwork(name="stage_back", spec="5" * 64, environment="stage")),
        now=WEB,
    ),
    case(
        "a network of another tool is used as it is",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        hands=there(ObservedNetwork(name="prod_back")),
        now=BACK,
    ),
    case(
        "what is external is never made",
        """
        pull  web  r.io/web:1@…  not on this host
        create  web #1  r.io/web:1@…  not on this host
        ready
        start  web #1  starts: not on this host
        prove  web  what they replace stays until they are proven
        """,
        hands=there(ObservedNetwork(name="shared"), ObservedVolume(name="shared")),
        now=desired(
            service(networks=["back"]),
            networks=(network("back", name="shared", external=True),),
            volumes=(volume("data", name="shared", external=True),),
        ),
    ),
    case(
        "a volume is never removed",
        "(nothing)",
        was=desired(service(), volumes=(volume("data"),)),
        now=WEB,
    ),
)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_the_plan_reads(each: Case) -> None:
    assert text(each.world().plan(each.now), each.now) == each.plan
