import pytest

from tests.core.compose.loading import problems, service, service_problems


def bindings(ports: str) -> list[str]:
    """`container/protocol ip:host`, in the engine's order."""
    found = service(f"ports: {ports}").host_config["PortBindings"]
    assert isinstance(found, dict)
    return [
        f"{port} {binding['HostIp']}:{binding['HostPort']}"
        for port, several in found.items()
        for binding in several
    ]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ("['80']", ["80/tcp :"]),
        ("[80]", ["80/tcp :"]),
        ("['8080:80']", ["80/tcp :8080"]),
        ("[8080:80]", ["80/tcp :8080"]),
        ("['127.0.0.1:8080:80']", ["80/tcp 127.0.0.1:8080"]),
        ("['127.0.0.1::80']", ["80/tcp 127.0.0.1:"]),
        ("['[::1]:8080:80']", ["80/tcp ::1:8080"]),
        ("['53:53/udp', '53:53/TCP', '1:1/sctp']", ["53/udp :53", "53/tcp :53", "1/sctp :1"]),
        ("['3000-3002']", ["3000/tcp :", "3001/tcp :", "3002/tcp :"]),
        ("['90-91:80-81']", ["80/tcp :90", "81/tcp :91"]),
        ("['90-95:80']", ["80/tcp :90-95"]),
        ("['8080:80', '8081:80']", ["80/tcp :8080", "80/tcp :8081"]),
        ("[{target: 80}]", ["80/tcp :"]),
        ("[{target: '80', published: 8080}]", ["80/tcp :8080"]),
        ("[{target: 80, host_ip: '::1'}]", ["80/tcp ::1:"]),
        ("[{target: 80, published: ''}]", ["80/tcp :"]),
        ("[{target: 80, published: '90-95', protocol: udp}]", ["80/udp :90-95"]),
        (
            (
                "[{target: 80, published: 8080, host_ip: 127.0.0.1, mode: host, name: web, "
                "app_protocol: http}]"
            ),
            ["80/tcp 127.0.0.1:8080"],
        ),
    ],
)
def test_each_form_publishes_what_it_says(ports: str, expected: list[str]) -> None:
    assert bindings(ports) == expected


def test_published_and_exposed_ports_are_both_declared() -> None:
    web = service("ports: ['90:80', '53/udp']\nexpose: [3000, '4000-4001/udp', '80']")
    assert web.config["ExposedPorts"] == {
        "3000/tcp": {},
        "4000/udp": {},
        "4001/udp": {},
        "53/udp": {},
        "80/tcp": {},
    }


def test_no_ports_are_no_fields() -> None:
    web = service("ports: []\nexpose: []")
    assert web.config == {}
    assert web.host_config == {}


NOT_A_PORT = "is not a port or a range of ports, 1 to 65535"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("ports: 80", ["ports: must be a list"]),
        ("ports: ['web']", [f"ports[0]: 'web' {NOT_A_PORT}"]),
        ("ports: ['']", ["ports[0]: must not be empty"]),
        ("ports: [[80]]", ["ports[0]: must be a string"]),
        ("expose: ['']", ["expose[0]: must not be empty"]),
        ("ports: [null]", ["ports[0]: has no value; it must be a string, or leave the key out"]),
        ("ports: ['x:80']", [f"ports[0]: 'x' {NOT_A_PORT}"]),
        ("ports: ['80:']", [f"ports[0]: '' {NOT_A_PORT}"]),
        ("ports: ['0']", [f"ports[0]: '0' {NOT_A_PORT}"]),
        ("ports: ['65536']", [f"ports[0]: '65536' {NOT_A_PORT}"]),
        ("ports: ['20-10']", [f"ports[0]: '20-10' {NOT_A_PORT}"]),
        ("ports: ['80.5']", [f"ports[0]: '80.5' {NOT_A_PORT}"]),
        ("ports: ['1-3:1-2']", ["ports[0]: the two ranges differ in length"]),
        ("ports: ['80/http']", ["ports[0]: the protocol must be one of tcp, udp, sctp"]),
        ("ports: ['example.com:80:80']", ["ports[0]: 'example.com' is not an IP address"]),
        (
            "ports: ['::1:80:80']",
            ["ports[0]: an IPv6 address stands in brackets here: [::1]"],
        ),
        ("ports: [{published: 80}]", ["ports[0]: 'target' is missing"]),
        ("ports: [{target: 0}]", ["ports[0].target: must be a whole number, 1 to 65535"]),
        ("ports: [{target: 80-81}]", ["ports[0].target: must be a whole number, 1 to 65535"]),
        ("ports: [{target: 80, published: x}]", [f"ports[0].published: 'x' {NOT_A_PORT}"]),
        ("ports: [{target: 80, host_ip: x}]", ["ports[0].host_ip: 'x' is not an IP address"]),
        (
            "ports: [{target: 80, protocol: tpc}]",
            ["ports[0].protocol: must be one of tcp, udp, sctp; did you mean 'tcp'?"],
        ),
        ("ports: [{target: 80, mode: vip}]", ["ports[0].mode: must be one of host, ingress"]),
        ("ports: [{target: 80, name: 5}]", ["ports[0].name: must be a string; put it in quotes"]),
        ("expose: ['x']", [f"expose[0]: 'x' {NOT_A_PORT}"]),
        ("expose: ['80/x']", ["expose[0]: the protocol must be one of tcp, udp, sctp"]),
        ("expose: ['1-65535', '1-10']", ["expose[1]: more ports than a host has"]),
        ("ports: ['1-65535', '1-10']", ["ports[1]: more ports than a host has"]),
    ],
)
def test_what_is_not_a_port_is_told(keys: str, expected: list[str]) -> None:
    assert service_problems(keys) == expected


def clash(one: str, other: str) -> list[str]:
    source = f"""
        services:
          one:
            image: PIN
            ports: [{one}]
          other:
            image: PIN
            ports: [{other}]
    """
    return problems(source)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'80:1'", "'80:2'"),
        ("'80:1'", "'127.0.0.1:80:2'"),
        ("'127.0.0.1:80:2'", "'80:2'"),
        ("'127.0.0.1:80:2'", "'127.0.0.1:80:3'"),
        ("'0.0.0.0:80:2'", "'127.0.0.1:80:3'"),
        ("'79-80:2-3'", "'80-81:2-3'"),
        ("'80:1/udp', '80:1'", "'80:1/tcp'"),
    ],
)
def test_one_port_of_the_host_cannot_be_published_twice(one: str, other: str) -> None:
    assert clash(one, other) == [
        "services.other.ports[0]: host port 80/tcp is published by service 'one' already"
    ]


def test_different_addresses_protocols_and_choices_do_not_clash() -> None:
    web = service(
        "ports: ['127.0.0.1:80:1', '127.0.0.2:80:1', '80:1/udp', '70-90:2', '70-90:3', '5', '6']"
    )
    assert len(web.host_config["PortBindings"]) == 6  # type: ignore[arg-type]  # a mapping


def test_replicas_cannot_share_a_port_of_the_host() -> None:
    assert service_problems("scale: 2\nports: ['80:80']") == [
        "ports[0]: 2 containers cannot share a port of the host"
    ]
    assert service_problems("scale: 3\nports: ['80-81:80']") == [
        "ports[0]: 3 containers cannot share a port of the host"
    ]
    assert service("scale: 2\nports: ['80-81:80', '90']").replicas == 2
