import pytest

from moorline.core.model import Attachment, Network
from tests.core.compose.loading import environment, problems, service, service_problems


def networks(text: str) -> dict[str, Network]:
    """The top-level networks, each used by one service."""
    source = "services:\n  web:\n    image: PIN\n    networks: [NAMES]\nnetworks:\n"
    names = [line.strip().partition(":")[0] for line in text.splitlines() if line[:1] != " "]
    loaded = environment(
        source.replace("NAMES", ", ".join(names))
        + "".join(f"  {line}\n" for line in text.splitlines())
    )
    return {network.key: network for network in loaded.networks}


def test_a_service_that_names_no_network_joins_the_default_one() -> None:
    for keys in ("", "networks: []", "networks: {}"):
        loaded = environment(f"services:\n  web:\n    image: PIN\n    {keys}\n")
        assert loaded.service("web").networks == (Attachment(network="default"),)
        assert loaded.networks == (Network(key="default", name="production_default"),)


def test_only_networks_that_are_used_belong_to_the_environment() -> None:
    loaded = environment(
        """
        services:
          web: {image: PIN, networks: [front]}
        networks: {front: , unused: }
        """
    )
    assert loaded.networks == (Network(key="front", name="production_front"),)


def test_attachments_are_ordered_by_priority_then_by_name() -> None:
    web = service(
        """
        networks:
          c:
          b: {priority: -1}
          a: {priority: 0}
          d: {priority: 10}
        """,
        rest="networks: {a: , b: , c: , d: }",
    )
    assert [each.network for each in web.networks] == ["d", "a", "c", "b"]


def test_an_attachment_has_names_and_addresses() -> None:
    web = service(
        """
        networks:
          front:
            aliases: [www, site]
            ipv4_address: 10.1.0.2
            ipv6_address: fd00::2
            link_local_ips: [169.254.0.2]
            mac_address: 02:42:ac:11:00:02
            driver_opts: {a: 1}
            priority: 5
        """,
        rest="networks: {front: }",
    )
    assert web.networks == (
        Attachment(
            network="front",
            aliases=("www", "site"),
            ipv4_address="10.1.0.2",
            ipv6_address="fd00::2",
            link_local_ips=("169.254.0.2",),
            mac_address="02:42:ac:11:00:02",
            driver_opts={"a": "1"},
            priority=5,
        ),
    )


def test_a_network_is_described_in_the_engines_words() -> None:
    text = (
        "front:\n"
        "  driver: bridge\n"
        "  driver_opts: {mtu: 1400}\n"
        "  internal: true\n"
        "  attachable: 'yes'\n"
        "  enable_ipv6: true\n"
        "  labels: [a=b]\n"
        "  ipam:\n"
        "    driver: default\n"
        "    options: {x: y}\n"
        "    config:\n"
        "      - {subnet: 10.1.0.0/24, ip_range: 10.1.0.128/25, gateway: 10.1.0.1,\n"
        "         aux_addresses: {router: 10.1.0.2}}\n"
        "      - {}"
    )
    assert networks(text)["front"] == Network(
        key="front",
        name="production_front",
        body={
            "Driver": "bridge",
            "Options": {"mtu": "1400"},
            "Internal": True,
            "Attachable": True,
            "EnableIPv6": True,
            "Labels": {"a": "b"},
            "IPAM": {
                "Driver": "default",
                "Options": {"x": "y"},
                "Config": [
                    {
                        "Subnet": "10.1.0.0/24",
                        "IPRange": "10.1.0.128/25",
                        "Gateway": "10.1.0.1",
                        "AuxiliaryAddresses": {"router": "10.1.0.2"},
                    },
                    {},
                ],
            },
        },
    )


def test_a_network_has_the_name_it_is_given() -> None:
    found = networks(
        "own: {name: its-own, ipam: {}}\n"
        "outside: {external: true}\n"
        "named: {external: true, name: there}\n"
        "inside: {external: false}\n"
        "default: {name: renamed}"
    )
    assert found == {
        "own": Network(key="own", name="its-own"),
        "outside": Network(key="outside", name="outside", external=True),
        "named": Network(key="named", name="there", external=True),
        "inside": Network(key="inside", name="production_inside"),
        "default": Network(key="default", name="renamed"),
    }


ANOTHERS = "cannot be beside this network_mode: the network is another's"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("uts: host\nhostname: a", ["hostname: cannot be beside uts: the name is the host's"]),
        ("network_mode: none\nports: ['80']", [f"ports: {ANOTHERS}"]),
        ("networks: front", ["networks: must be a mapping"]),
        (
            "networks: [frnt]",
            [
                (
                    "networks[0]: network 'frnt' is not declared at the top of the file; "
                    "did you mean 'front'?"
                )
            ],
        ),
        ("networks: [front, front]", ["networks: a network is in the list twice"]),
        ("networks: [5]", ["networks[0]: must be a string; put it in quotes"]),
        (
            "networks: {front: {priority: high}}",
            ["networks.front.priority: must be a whole number"],
        ),
        ("networks: {front: [x]}", ["networks.front: must be a mapping"]),
        (
            "networks: {front: {gw_priority: 1}}",
            [
                (
                    "networks.front.gw_priority: not supported: it needs Engine 28, and we serve "
                    "older ones; use priority"
                )
            ],
        ),
        (
            "networks: {front: {alias: x}}",
            ["networks.front.alias: not a Compose key; did you mean 'aliases'?"],
        ),
        (
            "networks: {front: {ipv4_address: x}}",
            ["networks.front.ipv4_address: must be an IP address"],
        ),
        (
            "networks: {front: {ipv4_address: ''}}",
            ["networks.front.ipv4_address: must not be empty"],
        ),
        (
            "networks: {front: {link_local_ips: [x]}}",
            ["networks.front.link_local_ips[0]: must be an IP address"],
        ),
        (
            "network_mode: host\nnetworks: [front]",
            ["networks: cannot be beside network_mode"],
        ),
        (
            "network_mode: host\nports: ['80:80']",
            [f"ports: {ANOTHERS}"],
        ),
        (
            "network_mode: container:x\nhostname: a\nexpose: [80]",
            [
                f"hostname: {ANOTHERS}",
                f"expose: {ANOTHERS}",
            ],
        ),
    ],
)
def test_what_a_service_cannot_join_is_told(keys: str, expected: list[str]) -> None:
    assert service_problems(keys, rest="networks: {front: }") == expected


def test_a_network_mode_leaves_no_attachment() -> None:
    web = service("network_mode: bridge\nports: ['80:80']")
    assert web.networks == ()
    assert web.host_config["NetworkMode"] == "bridge"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a: {drver: x}}", ["networks.a.drver: not a Compose key; did you mean 'driver'?"]),
        (
            "{a: {enable_ipv4: true}}",
            ["networks.a.enable_ipv4: not supported: it needs Engine 28, and we serve older ones"],
        ),
        (
            "{a: {external: true, driver: bridge, name: x}}",
            ["networks.a.driver: has no meaning beside external: true"],
        ),
        (
            "{a: {external: {name: x}}}",
            [
                (
                    "networks.a.external: the form external: {name: …} is gone; write external: "
                    "true and name:"
                )
            ],
        ),
        ("{a: {name: ''}}", ["networks.a.name: must not be empty"]),
        (
            "{a: {ipam: {config: [{subnet: x}]}}}",
            ["networks.a.ipam.config[0].subnet: must be a subnet such as 172.30.0.0/24"],
        ),
        (
            "{a: {ipam: {config: [{subnet: ''}]}}}",
            ["networks.a.ipam.config[0].subnet: must not be empty"],
        ),
        ("{a b: }", ["networks.a b: a name is made of letters, digits, '.', '_' and '-'"]),
        ("[a]", ["networks: must be a mapping"]),
    ],
)
def test_what_a_network_cannot_be_is_told(text: str, expected: list[str]) -> None:
    assert problems(f"services: {{}}\nnetworks: {text}\n") == expected
