import pytest

from moorline.core.traffic import IngressPolicy, Listener
from tests.core.compose.loading import problems, service, service_problems


def green(ports: str, extension: str = "", strategy: str = "blue-green") -> str:
    return f"ports: {ports}\nx-moorline: {{strategy: {strategy}, {extension}}}"


@pytest.mark.parametrize("strategy", ["rolling", "blue-green", "canary"])
def test_the_ingress_publishes_in_place_of_the_engine(strategy: str) -> None:
    steps = "canary: {steps: [{weight: 5, for: 2m}]}" if strategy == "canary" else ""
    web = service(green("['80:3000', '127.0.0.1:90-91:3001-3002']", steps, strategy))
    assert web.listeners == (
        Listener(host_port=80, container_port=3000),
        Listener(host_port=90, container_port=3001, host_ip="127.0.0.1"),
        Listener(host_port=91, container_port=3002, host_ip="127.0.0.1"),
    )
    assert web.host_config == {}
    assert web.config == {"ExposedPorts": {"3000/tcp": {}, "3001/tcp": {}, "3002/tcp": {}}}


def test_recreate_leaves_everything_as_it_is() -> None:
    keys = "ports: ['80:3000']\nvolumes: [/srv:/srv]\nenvironment: {A: b}\n"
    plain = service(keys)
    assert plain.listeners == ()
    assert repr(service(f"{keys}x-moorline: {{strategy: recreate}}")) == repr(plain)


def test_rolling_without_ports_is_on_the_network_alone() -> None:
    worker = service("scale: 3\nx-moorline: {strategy: rolling}")
    assert (worker.listeners, worker.host_config) == ((), {})


def test_replicas_behind_the_ingress_share_a_port() -> None:
    web = service("scale: 3\n" + green("['80:80']"))
    assert (web.replicas, len(web.listeners)) == (3, 1)


def test_one_container_port_can_be_published_twice() -> None:
    web = service(green("['80:3000', '81:3000']"))
    assert [(each.host_port, each.container_port) for each in web.listeners] == [
        (80, 3000),
        (81, 3000),
    ]


@pytest.mark.parametrize(
    ("ports", "extension", "mode"),
    [
        ("['80:3000']", "", "tcp"),
        ("['80:3000']", "health: {http: 'http://:3000/health'}", "http"),
        ("['80:3000', '81:3000']", "health: {http: 'http://:3000'}", "http"),
        ("['80:3000']", "health: {http: 'http://:3000/'}, ingress: {mode: tcp}", "tcp"),
        ("['80:3000']", "ingress: {mode: http}", "http"),
        # a probe of another port says nothing about this one
        ("['5432:5432']", "health: {http: 'http://:8008/ready'}", "tcp"),
        ("['80:3000', '25:25']", "health: {http: 'http://:3000/'}", "tcp"),
        ("['80:3000']", "health: {http: 'http://other:3000/'}", "tcp"),
        ("['80:3000']", "health: {tcp: ':3000'}", "tcp"),
        ("['443:3000']", "", "tcp"),
    ],
)
def test_http_is_spoken_where_the_probe_says_so(ports: str, extension: str, mode: str) -> None:
    assert service(green(ports, extension)).ingress.mode == mode


def test_tls_ends_with_a_certificate_of_the_host() -> None:
    web = service(
        green(
            "['80:3000', '443:3000']",
            'ingress: {mode: http, tls: {"443": site.example}, drain_timeout: 5s}',
        )
    )
    assert web.ingress == IngressPolicy(mode="http", drain_timeout=5.0)
    assert [each.certificate for each in web.listeners] == ["", "site.example"]


A_CERTIFICATE = "must be the name of a certificate: letters, digits, '.', '_' and '-'"


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        ("{mode: udp}", ["ingress.mode: must be one of http, tcp"]),
        (
            "{tsl: {}}",
            ["ingress.tsl: not an x-moorline key; did you mean 'tls'?"],
        ),
        (
            "{tls: {'8443': site}}",
            ["ingress.tls.8443: no port 8443 of the host is published"],
        ),
        ("{tls: {'443': ../key}}", [f"ingress.tls.443: {A_CERTIFICATE}"]),
        ("{tls: {'443': .hidden}}", [f"ingress.tls.443: {A_CERTIFICATE}"]),
        ("{tls: {'443': 'a b'}}", [f"ingress.tls.443: {A_CERTIFICATE}"]),
        ("{tls: {'443': ''}}", ["ingress.tls.443: must not be empty"]),
        ("{tls: site}", ["ingress.tls: must be a mapping"]),
        (
            "{drain_timeout: soon}",
            ["ingress.drain_timeout: must be a duration such as 10s, 1m30s or 500ms"],
        ),
        (
            "{mode: http}",
            [
                (
                    "ingress: port 443 would be read as HTTP without TLS: name a certificate in "
                    'ingress.tls, such as {"443": site}, or write ingress: {mode: tcp}'
                )
            ],
        ),
    ],
)
def test_what_the_ingress_cannot_do_is_told(ingress: str, expected: list[str]) -> None:
    found = service_problems(green("['443:3000']", f"ingress: {ingress}"))
    assert [each.removeprefix("x-moorline.") for each in found] == expected


def test_tls_that_a_probe_would_have_read_as_http_is_told() -> None:
    (found,) = service_problems(green("['443:3000']", "health: {http: 'http://:3000/'}"))
    assert found.startswith("x-moorline.strategy: port 443 would be read as HTTP without TLS")


def test_a_port_as_a_key_stands_in_quotes() -> None:
    (found,) = service_problems(green("['443:3000']", "ingress: {tls: {443: site}}"))
    assert found.endswith("the key 443 is not text; put it in quotes")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "x-moorline: {ingress: {mode: http}}",
            "has no meaning with the strategy recreate",
        ),
        (
            "ports: ['80:80']\nx-moorline: {strategy: recreate, ingress: {mode: http}}",
            "has no meaning with the strategy recreate",
        ),
        (
            "x-moorline: {strategy: rolling, ingress: {mode: http}}",
            "has no meaning where no port is published",
        ),
    ],
)
def test_without_ports_behind_it_there_is_nothing_to_say_about_the_ingress(
    keys: str, expected: str
) -> None:
    assert service_problems(keys) == [f"x-moorline.ingress: {expected}"]


@pytest.mark.parametrize(
    ("one", "other", "taken"),
    [
        ("80:1", "80:2", True),
        ("80:1", "127.0.0.1:80:2", True),
        ("127.0.0.1:80:1", "127.0.0.1:80:2", True),
        ("127.0.0.1:80:1", "127.0.0.2:80:2", False),
        ("80:1", "81:1", False),
    ],
)
@pytest.mark.parametrize("strategies", [("blue-green", "blue-green"), ("recreate", "rolling")])
def test_a_port_is_published_once(
    one: str, other: str, strategies: tuple[str, str], *, taken: bool
) -> None:
    text = f"""
        services:
          a: {{image: PIN, ports: ['{one}'], x-moorline: {{strategy: {strategies[0]}}}}}
          b: {{image: PIN, ports: ['{other}'], x-moorline: {{strategy: {strategies[1]}}}}}
          broken: {{image: 5}}
    """
    found = [each for each in problems(text) if "broken" not in each]
    said = ["services.b.ports[0]: host port 80/tcp is published by service 'a' already"]
    assert found == (said if taken else [])
