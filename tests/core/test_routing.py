from dataclasses import replace

import pytest

from moorline.core.model import Attachment, HealthPolicy
from moorline.core.routing import ingress_address, route_for
from moorline.core.strategy import AbortOn, BlueGreen, Canary, CanaryStep
from moorline.core.traffic import Check, IngressPolicy, Listener, Route
from tests.core.builders import service

WEB = Listener(host_port=80, container_port=3000)
TLS = Listener(host_port=443, container_port=3000, certificate="site")
ADMIN = Listener(host_port=81, container_port=3001)


def check(health: HealthPolicy, *listeners: Listener) -> Check:
    web = service(strategy=BlueGreen(), listeners=listeners or (WEB,), health=health)
    route = route_for("prod", web)
    assert route is not None
    return route.check


def test_a_service_without_listeners_has_no_route() -> None:
    assert route_for("prod", service(strategy=BlueGreen())) is None


def test_a_route_is_what_the_file_asks_of_the_ingress() -> None:
    canary = Canary(steps=(CanaryStep(share=500, seconds=60.0),), abort_on=AbortOn(p95=0.8))
    web = service(strategy=canary, listeners=(WEB, TLS), ingress=IngressPolicy(mode="http"))
    assert route_for("prod", web) == Route(
        environment="prod",
        service="web",
        listeners=(WEB, TLS),
        mode="http",
        check=Check(),
        slow_after=0.8,
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://:3000", "/"),
        ("http://:3000/", "/"),
        ("http://:3000/a/b?c=d&e=%20", "/a/b?c=d&e=%20"),
        ("http://:3000?full=1", "/?full=1"),
        ("http://:3000/a#part", "/a"),
        # nothing may end a word or be expanded in the configuration of an ingress
        ("http://:3000/\"'\\$HOME`{}<>|", "/%22%27%5C%24HOME%60%7B%7D%3C%3E%7C"),
        ("http://:3000/ä\x1b", "/%C3%A4%1B"),
    ],
)
def test_the_ingress_asks_what_the_gate_asks(url: str, path: str) -> None:
    assert check(HealthPolicy(http=url)) == Check(path=path)


@pytest.mark.parametrize(
    ("health", "listeners", "expected"),
    [
        (HealthPolicy(), (WEB,), Check()),
        (HealthPolicy(http="http://other:3000/health"), (WEB,), Check()),
        (HealthPolicy(http="http://:3000/health"), (WEB, TLS), Check(path="/health")),
        (HealthPolicy(http="http://:9000/health"), (WEB,), Check(path="/health", port=9000)),
        # the probed port is not that of every listener: one container is up or down as a whole
        (
            HealthPolicy(http="http://:3000/health"),
            (WEB, ADMIN),
            Check(path="/health", port=3000),
        ),
        (HealthPolicy(tcp=":3000"), (WEB,), Check()),
        (HealthPolicy(tcp=":9000"), (WEB,), Check(port=9000)),
        (HealthPolicy(tcp="db:5432"), (WEB,), Check()),
        (HealthPolicy(http="http://:3000/h", tcp=":9000"), (WEB,), Check(path="/h")),
    ],
)
def test_a_check_is_of_the_container_itself(
    health: HealthPolicy, listeners: tuple[Listener, ...], expected: Check
) -> None:
    assert check(health, *listeners) == expected


NAMES = {"front": "prod_front", "back": "prod_back"}
FRONT, BACK = Attachment(network="front", priority=1), Attachment(network="back")


@pytest.mark.parametrize(
    ("networks", "addresses", "expected"),
    [
        ((BACK, FRONT), {"prod_front": "10.0.0.2", "prod_back": "10.1.0.2"}, "10.0.0.2"),
        ((BACK, FRONT), {"prod_back": "10.1.0.2"}, "10.1.0.2"),
        ((BACK, FRONT), {"prod_front": ""}, ""),
        ((FRONT,), {"another": "10.9.0.2"}, ""),
        ((), {"bridge": "172.17.0.2"}, "172.17.0.2"),
        ((), {}, ""),
    ],
)
def test_requests_go_to_the_network_that_was_joined_first(
    networks: tuple[Attachment, ...], addresses: dict[str, str], expected: str
) -> None:
    web = replace(service(), networks=networks)
    assert ingress_address(web, addresses, NAMES) == expected
