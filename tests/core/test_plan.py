"""Obligations of the planner. What is expected is the plan as a person reads it."""

from textwrap import dedent

import pytest

from moorline.core.actions import Connect, CreateContainer, RetireContainer, StartContainer
from moorline.core.model import Hook, ObservedNetwork, ObservedVolume
from tests.core.builders import (
    image,
    container,
    desired,
    environment,
    foreign,
    needs,
    network,
    service,
    volume,
)
from tests.core.plan_cases import (
    Case,
    carried_out,
    case,
    copied,
    edited,
    gone,
    made,
    swapped,
    text,
    there,
    without_image,
)
from tests.core.world import World, settled

WEB = desired(service())
NEW = desired(service(tag="2"))
TWO = desired(service("web"), service("api"))
SIDECAR = desired(service("web"), service("log", shares={"NetworkMode": "web"}))
SPEC = WEB.workloads[0].spec[:8]
RESTART = {"RestartPolicy": {"Name": "always"}}

CASES = [
    # --- a file that says something new ---
    case("a first deployment pulls, creates, and only then starts", "", now=WEB),
    case("what is in step plans nothing", "", was=WEB, now=WEB),
    case("another commit with the same content plans nothing", "", was=WEB, now=desired(service(), commit="0ther")),
    case("a moved digest is pulled before anything stops", "", was=WEB, now=NEW),
    case("an image that is here is not pulled", "", was=(WEB, NEW), now=WEB),
    case("a changed configuration makes a new container of the same image", "", was=WEB, now=desired(service(env=["A=1"]))),
    case("one image of two services is pulled once", "", now=desired(service("a", image=image()), service("b", image=image()))),
    case("a service that is added leaves the others alone", "", was=WEB, now=TWO),
    case("a service that is gone from the file is stopped, and removed at the end", "", was=TWO, now=desired(service("api"))),
    case("a renamed service takes its port over", "", was=desired(service("web", port="80")), now=desired(service("site", port="80"))),
    case("two services that swap ports both stop before either starts", "", was=desired(service("a", port="80"), service("b", port="81")), now=desired(service("a", port="81"), service("b", port="80"))),
    case("a port of a range that another service takes is freed first", "", was=desired(service("a", port="80")), now=desired(service("a", port="90"), service("b", port="80-81"))),
    case("a container that keeps crashing may hold a port that is not seen", "", was=desired(service("a", port="80")), hands=edited("a", state="restarting"), now=desired(service("b", port="80"))),
    case("more replicas add containers", "", was=WEB, now=desired(service(replicas=3))),
    case("fewer replicas remove the last ones", "", was=desired(service(replicas=3)), now=WEB),
    case("no replicas leave nothing", "", was=WEB, now=desired(service(replicas=0))),
    case("a container_name is the settled name", "", was=desired(service(container_name="shop")), now=desired(service(tag="2", container_name="shop"))),
    case("two services that exchange container names wait for each other's removal", "", was=desired(service("a", container_name="x"), service("b", container_name="y")), now=desired(service("a", container_name="y"), service("b", container_name="x"))),
    # --- order ---
    case("service_started waits for the start", "", now=desired(service("web", depends_on=(needs("db"),)), service("db"))),
    case("service_healthy waits for health", "", now=desired(service("web", depends_on=(needs("db", "service_healthy"),)), service("db"))),
    case("two dependents wait once", "", now=desired(service("a", depends_on=(needs("db", "service_healthy"),)), service("b", depends_on=(needs("db", "service_healthy"),)), service("db"))),
    case("service_completed_successfully waits for the end of a job", "", now=desired(service("web", depends_on=(needs("job", "service_completed_successfully"),)), service("job"))),
    case("a job that is done is not run again", "", was=desired(service("web", depends_on=(needs("job", "service_completed_successfully"),)), service("job")), now=desired(service("web", "2", depends_on=(needs("job", "service_completed_successfully"),)), service("job"))),
    case("a job that failed is run again", "", was=desired(service("web", depends_on=(needs("job", "service_completed_successfully"),)), service("job")), hands=edited("job", exit_code=1), now=desired(service("web", depends_on=(needs("job", "service_completed_successfully"),)), service("job"))),
    case("a dependency that is not in the file is not waited for", "", now=desired(service("web", depends_on=(needs("db", required=False),)))),
    case("a dependent stays up while its dependency is replaced", "", was=desired(service("db"), service("web", depends_on=(needs("db"),))), now=desired(service("db", "2"), service("web", depends_on=(needs("db"),)))),
    case("with restart it begins anew, and is proven too", "", was=desired(service("db"), service("web", depends_on=(needs("db", restart=True),))), now=desired(service("db", "2"), service("web", depends_on=(needs("db", restart=True),)))),
    # --- drift ---
    case("a stopped container is started", "", was=WEB, hands=edited("web", state="exited", exit_code=137), now=WEB),
    case("a removed container is made again, without a proof that it does not need", "", was=WEB, hands=gone("web"), now=WEB),
    case("one whose image went too is pulled again", "", was=WEB, hands=(gone("web"), without_image(WEB)), now=WEB),
    case("a paused container runs on", "", was=WEB, hands=edited("web", state="paused"), now=WEB),
    case("a dead container is replaced", "", was=WEB, hands=edited("web", state="dead"), now=WEB),
    case("a restarting container is left to its restart policy", "", was=WEB, hands=edited("web", state="restarting"), now=WEB),
    case("a container on its way out is not waited for", "", was=WEB, hands=edited("web", state="removing"), now=WEB),
    case("a renamed container gets its name back", "", was=WEB, hands=edited("web", name="odd"), now=WEB),
    case("two containers that carry each other's name change back over a third", "", was=TWO, hands=swapped("web", "api"), now=TWO),
    case("a name that another tool keeps is left to it", "", was=WEB, hands=(edited("web", name="odd"), made(foreign("prod-web-1", "shell"))), now=WEB),
    case("limits that were changed by hand need a new container", "", was=WEB, hands=edited("web", altered=("Memory", "RestartPolicy")), now=WEB),
    case("a restart policy that was changed by hand is put back in place", "", was=WEB, hands=edited("web", altered=("RestartPolicy",)), now=WEB),
    case("a second container of the same kind goes", "", was=WEB, hands=copied("web"), now=WEB),
    case("of two the running one stays", "", was=WEB, hands=(edited("web", state="exited"), copied("web")), now=WEB),
    # --- networks and volumes ---
    case("networks and volumes are created first", "", now=desired(service(networks=["back"]), volumes=(volume("data"),))),
    case("a detached network is attached again", "", was=desired(service(networks=["back"])), hands=edited("web", networks=frozenset()), now=desired(service(networks=["back"]))),
    case("a network that the file does not give is detached", "", was=desired(service(networks=["back"])), hands=(there(ObservedNetwork(name="odd")), edited("web", networks=frozenset({"prod_back", "odd"}))), now=desired(service(networks=["back"]))),
    case("a stopped container is attached before it starts", "", was=desired(service(networks=["back"])), hands=edited("web", state="exited", networks=frozenset()), now=desired(service(networks=["back"]))),
    case("a network with changed settings is made beside the old one, which goes at the end", "", was=desired(service(networks=["back"])), now=desired(service(networks=["back"]), networks=(network("back", body={"Internal": True}),))),
    case("and its second name stays", "", was=(desired(service(networks=["back"])), desired(service(networks=["back"]), networks=(network("back", body={"Internal": True}),))), now=desired(service(networks=["back"]), networks=(network("back", body={"Internal": True}),))),
    case("a network that nothing uses any more is removed", "", was=desired(service(networks=["back"])), now=WEB),
    case("another environment's network stays", "", was=WEB, hands=there(ObservedNetwork(name="stage_back", spec="5" * 64, environment="stage")), now=WEB),
    case("a network of another tool is used as it is", "", hands=there(ObservedNetwork(name="prod_back")), now=desired(service(networks=["back"]))),
    case("what is external is never made", "", hands=there(ObservedNetwork(name="shared"), ObservedVolume(name="shared")), now=desired(service(networks=["back"]), networks=(network("back", name="shared", external=True),), volumes=(volume("data", name="shared", external=True),))),
    case("a volume is never removed", "", was=desired(service(), volumes=(volume("data"),)), now=WEB),
    # --- shared namespaces ---
    case("who shares a namespace is created and started after its owner", "", now=SIDECAR),
    case("it is replaced with its owner", "", was=SIDECAR, now=desired(service("web", "2"), service("log", shares={"NetworkMode": "web"}))),
    case("it begins anew when its owner is started again", "", was=SIDECAR, hands=edited("web", state="exited"), now=SIDECAR),
    case("it is replaced when its owner was made again under another id", "", was=SIDECAR, hands=gone("web"), now=SIDECAR),
    # --- hooks ---
    case("hooks run after the start and before the stop", "", was=desired(service(pre_stop=(Hook(command=("drain", "now")),), post_start=(Hook(command=("warm",)),))), now=desired(service(tag="2", post_start=(Hook(command=("warm",)), Hook(command=()))))),
    case("a paused container runs on before it stops, and one that restarts runs no hook", "", was=desired(service("a", pre_stop=(Hook(command=("drain",)),)), service("b", pre_stop=(Hook(command=("drain",)),))), hands=(edited("a", state="paused"), edited("b", state="restarting")), now=desired(service("c"))),
    # --- other tools' containers ---
    case("a container of another tool is not in the plan", "", hands=made(foreign("theirs", "web"), foreign("old", "gone")), now=WEB),
    case("its name is not taken either", "", hands=made(foreign("prod-web-1", "shell"), foreign(f"prod-web-1-{SPEC}", "shell"), foreign(f"prod-web-1-{SPEC}-2", "shell")), now=WEB),
    # --- going back, and starting over ---
    case("going back starts the stopped container again and removes what failed", "", was=WEB, hands=carried_out(NEW, until="prove"), now=WEB),
    case("going back from a first deployment removes everything", "", hands=carried_out(TWO, until="prove"), now=desired()),
    case("a deployment that was cut off before its proof is taken up there", "", was=WEB, hands=carried_out(NEW, until="prove"), now=NEW),
    case("one that was cut off after it only clears away", "", was=WEB, hands=carried_out(NEW, until="prove", after=1), now=NEW),
    case("one that was cut off between stop and start goes on", "", was=WEB, hands=carried_out(NEW, until="start"), now=NEW),
    case("a third version after a failed second one leaves the first until the proof", "", was=WEB, hands=carried_out(NEW, until="prove"), now=desired(service(tag="3"))),
    case("what runs and was never proven is proven", "", was=WEB, now=WEB, unproven=True),
]
