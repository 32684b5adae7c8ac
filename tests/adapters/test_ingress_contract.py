"""What every ingress owes the agent: the fake and HAProxy alike."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from moorline.adapters.ingress_port import Ingress
from moorline.core.strategy import ALL
from moorline.core.traffic import Check, Listener, ObservedRoute, RouteServer
from moorline.errors import EngineRefused, IngressUnreachable, NotFound
from tests.adapters.ingress_worlds import World, fake_world, real_world
from tests.parts.sshd import free_port

OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield fake_world()
        return
    with real_world() as made:
        yield made


def seen(world: World, service: str = "web") -> ObservedRoute:
    found = world.ingress.observe("production")
    assert found is not None
    return found[service]


def test_without_routes_there_is_nothing_to_see(world: World) -> None:
    world.hands.silence()
    assert world.ingress.observe("production") == {}


def test_a_first_route_is_the_same_on_both_tracks(world: World) -> None:
    route = world.route(path="/health", slow_after=0.5)
    world.ingress.listen(route, "blue")
    assert seen(world) == ObservedRoute(
        service="web",
        frontend=route.frontend,
        backends={"blue": route.backend, "green": route.backend},
        ports=frozenset({f"{world.port}/tcp"}),
    )


def test_a_new_version_changes_its_own_track_alone(world: World) -> None:
    first, second = world.route(path="/health"), world.route(path="/healthz")
    world.ingress.listen(first, "blue")
    world.ingress.listen(second, "green")
    assert seen(world).backends == {"blue": first.backend, "green": second.backend}


def test_listening_keeps_servers_and_share(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    world.ingress.shift("production", "web", 2500)
    before = seen(world)
    more = Listener(host_port=free_port(), container_port=world.behind)
    route = replace(world.route(path="/health"), listeners=(*world.route().listeners, more))
    world.ingress.listen(route, "green")
    assert seen(world) == replace(
        before,
        frontend=route.frontend,
        backends={"blue": before.backends["blue"], "green": route.backend},
        ports=route.ports,
    )


def test_listening_twice_is_fine(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    before = seen(world)
    world.ingress.listen(world.route(), "blue")
    assert seen(world) == before


def test_a_container_enters_one_track(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    world.ingress.enter("production", "web", "green", container=NEW, address="127.0.0.3")
    assert seen(world).servers == (
        RouteServer(container=OLD, track="blue", address="127.0.0.2"),
        RouteServer(container=NEW, track="green", address="127.0.0.3"),
    )


@pytest.mark.parametrize("again", ["blue", "green"])
def test_entering_again_moves_it(world: World, again: str) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    track = "blue" if again == "blue" else "green"
    world.ingress.enter("production", "web", track, container=OLD, address="127.0.0.4")
    assert seen(world).servers == (RouteServer(container=OLD, track=track, address="127.0.0.4"),)


def test_a_drained_container_is_seen_and_can_enter_again(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    world.ingress.drain("production", "web", OLD)
    assert [each.state for each in seen(world).servers] == ["drain"]
    assert world.ingress.sessions("production", "web", OLD) == 0
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    assert [each.state for each in seen(world).servers] == ["ready"]


def test_who_leaves_is_gone(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    world.ingress.leave("production", "web", OLD)
    assert seen(world).servers == ()


def test_who_is_not_there_may_drain_and_leave(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.drain("production", "web", OLD)
    world.ingress.leave("production", "web", OLD)
    assert world.ingress.sessions("production", "web", OLD) == 0


@pytest.mark.parametrize("share", [0, 1, 500, ALL])
def test_the_share_is_what_was_set(world: World, share: int) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.shift("production", "web", 3)
    world.ingress.shift("production", "web", share)
    assert seen(world).share == share


def test_a_route_can_be_let_go(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.unlisten("production", "web")
    world.ingress.unlisten("production", "web")
    assert world.ingress.observe("production") == {}


def test_a_route_that_was_let_go_comes_back_empty(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    world.ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
    world.ingress.shift("production", "web", ALL)
    world.ingress.unlisten("production", "web")
    world.ingress.listen(world.route(), "green")
    assert (seen(world).servers, seen(world).share) == ((), 0)


def test_environments_do_not_see_each_other(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    assert world.ingress.observe("staging") == {}


def test_a_port_of_another_program_is_refused(world: World) -> None:
    world.hands.take(world.port)
    with pytest.raises(EngineRefused, match=str(world.port)):
        world.ingress.listen(world.route(), "blue")
    assert world.ingress.observe("production") == {}


def test_a_port_of_another_route_is_refused(world: World) -> None:
    world.ingress.listen(world.route(), "blue")
    with pytest.raises(EngineRefused, match=str(world.port)):
        world.ingress.listen(replace(world.route(), environment="staging"), "blue")
    assert world.ingress.observe("staging") == {}


@pytest.mark.parametrize("given", ["missing", "broken"])
def test_a_refused_certificate_changes_nothing(world: World, given: str) -> None:
    if given == "broken":
        world.hands.give("shop", broken=True)
    world.ingress.listen(world.route(), "blue")
    before = seen(world)
    with pytest.raises(EngineRefused, match="shop"):
        world.ingress.listen(world.route(tls="shop"), "blue")
    assert seen(world) == before


def test_a_renewed_certificate_shows_until_it_is_in_force(world: World) -> None:
    world.hands.give("shop")
    route = world.route(tls="shop")
    world.ingress.listen(route, "blue")
    assert seen(world).frontend == route.frontend
    world.hands.give("shop")
    assert seen(world).frontend == ""
    world.ingress.listen(route, "blue")
    assert seen(world).frontend == route.frontend


_CALLS: dict[str, Callable[[Ingress], object]] = {
    "enter": lambda ingress: ingress.enter(
        "production", "web", "blue", container=OLD, address="127.0.0.2"
    ),
    "drain": lambda ingress: ingress.drain("production", "web", OLD),
    "sessions": lambda ingress: ingress.sessions("production", "web", OLD),
    "leave": lambda ingress: ingress.leave("production", "web", OLD),
    "shift": lambda ingress: ingress.shift("production", "web", 1),
    "stats": lambda ingress: ingress.stats("production", "web"),
}


@pytest.mark.parametrize("call", _CALLS)
def test_a_route_that_is_not_there_is_not_found(world: World, call: str) -> None:
    with pytest.raises(NotFound, match="production/web"):
        _CALLS[call](world.ingress)


@pytest.mark.parametrize("call", [*_CALLS, "observe", "listen", "unlisten"])
def test_an_ingress_that_does_not_answer_is_unreachable(world: World, call: str) -> None:
    route = world.route()
    world.ingress.listen(route, "blue")
    world.hands.silence()
    calls = _CALLS | {
        "observe": lambda ingress: ingress.observe("production"),
        "listen": lambda ingress: ingress.listen(route, "blue"),
        "unlisten": lambda ingress: ingress.unlisten("production", "web"),
    }
    with pytest.raises(IngressUnreachable):
        calls[call](world.ingress)


def test_the_check_of_a_track_is_part_of_it(world: World) -> None:
    route = world.route()
    world.ingress.listen(route, "blue")
    world.ingress.listen(replace(route, check=Check(path="/health", port=9000)), "blue")
    assert seen(world).backends["green"] == route.backend
    assert seen(world).backends["blue"] != route.backend
