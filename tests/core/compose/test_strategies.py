import pytest

from moorline.core.compose.strategies import Choice, choices
from tests.core.compose.loading import environment, problems, service, service_problems

TOP = """
volumes:
  data:
  named: {name: engine-name}
networks:
  front:
  lan: {driver: macvlan}
"""


def refused(keys: str, strategy: str = "blue-green", more: str = "") -> list[str]:
    """What is said against the strategy of a service with these keys."""
    said = f"x-moorline.strategy: cannot be {strategy}: "
    found = service_problems(f"{keys}\nx-moorline: {{strategy: {strategy}, {more}}}", rest=TOP)
    assert all(each.startswith(said) for each in found), found
    return [each.removeprefix(said) for each in found]


def accepted(keys: str, strategy: str = "blue-green", more: str = "") -> bool:
    keys = f"{keys}\nx-moorline: {{strategy: {strategy}, {more}}}"
    return service(keys, rest=TOP).strategy.name == strategy


def data(volume: str) -> str:
    return (
        f"two versions would write to '{volume}' at the same time; if they may, list it in "
        "shared_volumes, or mount it read-only"
    )


PORTS = [
    ("ports: ['53:53/udp']", "port 53/udp is not TCP, and the ingress carries nothing else"),
    (
        "ports: ['80:80', '80']",
        "port 80/tcp has no fixed port of the host; write one, such as 80:80",
    ),
    ("ports: ['90-95:80']", "port 80/tcp has any port of 90-95; write one"),
]
EXCLUSIVE = [
    (
        "networks: {front: {ipv4_address: 10.0.0.5}}",
        "10.0.0.5 in network 'front' is for one container at a time",
    ),
    (
        "networks: {front: {ipv6_address: '::5'}}",
        "::5 in network 'front' is for one container at a time",
    ),
    (
        "networks: {front: {link_local_ips: [169.254.1.1]}}",
        "169.254.1.1 in network 'front' is for one container at a time",
    ),
    (
        "networks: {front: {mac_address: '02:42:ac:11:00:02'}}",
        "02:42:ac:11:00:02 in network 'front' is for one container at a time",
    ),
    (
        "mac_address: '02:42:ac:11:00:02'",
        "mac_address 02:42:ac:11:00:02 is for one container at a time",
    ),
]
DATA = [
    ("volumes: ['data:/data']", data("data")),
    ("volumes: ['data:/a', 'data:/b']", data("data")),
    ("volumes: ['named:/data']", data("named")),
    ("volumes: [/srv/:/data]", data("/srv")),
    ("volumes: [{type: bind, source: /srv, target: /data}]", data("/srv")),
    (
        "volumes: [{type: bind, source: /srv, target: /d, bind: {create_host_path: false}}]",
        data("/srv"),
    ),
    (
        "volumes: [/data]",
        (
            "the unnamed volume at /data goes from the old container to the new one; name it, "
            "or use tmpfs"
        ),
    ),
]
REACH = [
    ("networks: [lan]", "the host cannot reach containers in 'lan', which is a macvlan"),
    (
        "networks: {front: {}, lan: {priority: 1}}",
        "the host cannot reach containers in 'lan', which is a macvlan",
    ),
]


@pytest.mark.parametrize(("keys", "reason"), PORTS)
@pytest.mark.parametrize("strategy", ["rolling", "blue-green"])
def test_the_ingress_needs_fixed_tcp_ports(keys: str, reason: str, strategy: str) -> None:
    assert refused(keys, strategy) == [reason]


@pytest.mark.parametrize(("keys", "reason"), [*EXCLUSIVE, *DATA, *REACH])
def test_two_versions_side_by_side_cannot_have_the_same(keys: str, reason: str) -> None:
    assert refused(f"ports: ['80:80']\n{keys}") == [reason]


@pytest.mark.parametrize(("keys", "reason"), [*EXCLUSIVE, *DATA, *REACH])
def test_a_canary_is_no_different(keys: str, reason: str) -> None:
    steps = "canary: {steps: [{weight: 5, for: 2m}]}"
    assert refused(f"ports: ['80:80']\n{keys}", "canary", steps) == [reason]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("none", "with network_mode none it has no address of its own for the ingress to use"),
        ("host", "with network_mode host it has no address of its own for the ingress to use"),
        (
            "'container:x'",
            "with network_mode container:x it has no address of its own for the ingress to use",
        ),
    ],
)
def test_traffic_needs_an_address(mode: str, reason: str) -> None:
    no_port = "it publishes no port, and only what comes in by one can be moved"
    assert refused(f"network_mode: {mode}") == sorted([no_port, reason])


def test_only_what_has_a_port_can_be_moved() -> None:
    assert refused("tty: true") == [
        "it publishes no port, and only what comes in by one can be moved"
    ]


def test_whoever_shares_a_namespace_goes_with_its_owner() -> None:
    text = """
        services:
          db: {image: PIN}
          web:
            image: PIN
            ports: ['80:80']
            pid: service:db
            ipc: service:db
            x-moorline: {strategy: STRATEGY}
    """
    reason = "it lives in a namespace of 'db', and is replaced together with it"
    for strategy in ("rolling", "blue-green"):
        assert problems(text.replace("STRATEGY", strategy)) == [
            f"services.web.x-moorline.strategy: cannot be {strategy}: {reason}"
        ]


def test_what_others_wait_for_to_complete_has_no_successor_beside_it() -> None:
    text = """
        services:
          job: {image: PIN, ports: ['80:80'], x-moorline: {strategy: blue-green}}
          web:
            image: PIN
            depends_on: {job: {condition: service_completed_successfully}}
          other: {image: PIN, depends_on: [job]}
    """
    assert problems(text) == [
        (
            "services.job.x-moorline.strategy: cannot be blue-green: 'web' waits for it to "
            "complete: it ends by itself"
        )
    ]


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ("network_mode: bridge", ""),
        ("networks: {lan: {}, front: {priority: 1}}", ""),
        ("volumes: ['data:/data:ro', '/srv:/srv:ro']", ""),
        ("volumes: [{type: volume, source: data, target: /data, read_only: true}]", ""),
        ("tmpfs: /tmp\nvolumes: [{type: tmpfs, target: /data}]", ""),
        ("volumes: ['data:/data']", "shared_volumes: [data]"),
        ("volumes: ['named:/data', '/srv:/srv']", "shared_volumes: [named, /srv/]"),
        ("container_name: the-web", ""),
        ("scale: 3", ""),
        ("ipc: private\npid: host", ""),
    ],
)
def test_the_rest_is_no_obstacle(keys: str, more: str) -> None:
    assert accepted(f"ports: ['80:80']\n{keys}", more=more)


# --- rolling -------------------------------------------------------------------------------------

IN_PLACE = "rolling: {max_surge: 0, max_unavailable: 1}"


@pytest.mark.parametrize(("keys", "reason"), EXCLUSIVE)
def test_without_a_surge_there_is_no_second_one(keys: str, reason: str) -> None:
    assert refused(keys, "rolling") == [f"{reason}; {IN_PLACE} needs no second one"]
    assert accepted(keys, "rolling", IN_PLACE)


@pytest.mark.parametrize(("keys", "reason"), DATA)
def test_one_replica_replaced_in_place_has_its_data_alone(keys: str, reason: str) -> None:
    assert refused(keys, "rolling") == [reason]
    assert refused(f"scale: 2\n{keys}", "rolling", IN_PLACE) == [reason]
    assert accepted(keys, "rolling", IN_PLACE)


@pytest.mark.parametrize(
    "keys", ["networks: [lan]", "network_mode: none", "network_mode: host", "scale: 3"]
)
def test_without_ports_rolling_needs_no_ingress(keys: str) -> None:
    assert accepted(keys, "rolling")


def test_rolling_behind_the_ingress_has_to_be_reached() -> None:
    keys, reason = REACH[0]
    assert refused(f"ports: ['80:80']\n{keys}", "rolling") == [reason]


# --- company -------------------------------------------------------------------------------------


def company(keys: str, mode: str = "pid: service:web", strategy: str = "blue-green") -> list[str]:
    text = f"""
        services:
          web: {{image: PIN, ports: ['80:80'], x-moorline: {{strategy: {strategy}}}}}
          side: {{image: PIN, {mode}, {keys}}}
          broken: {{image: 5}}
        volumes: {{data: }}
        networks: {{front: }}
    """
    found = [each for each in problems(text) if "broken" not in each]
    return [each.removeprefix("services.side.") for each in found]


MOVES = "cannot move beside with blue-green 'web': "


@pytest.mark.parametrize(
    ("keys", "mode", "expected"),
    [
        ("tty: true", "network_mode: 'service:web'", []),
        ("volumes: ['data:/d:ro']", "network_mode: 'service:web'", []),
        (
            "volumes: ['data:/d'], x-moorline: {shared_volumes: [data]}",
            "network_mode: 'service:web'",
            [],
        ),
        (
            "volumes: ['data:/d']",
            "network_mode: 'service:web'",
            [f"network_mode: {MOVES}{data('data')}"],
        ),
        (
            "ports: ['90:90']",
            "pid: service:web",
            [f"pid: {MOVES}it publishes a port, which two containers cannot have"],
        ),
        (
            "networks: {front: {ipv4_address: 10.0.0.5}}",
            "pid: service:web",
            [f"pid: {MOVES}10.0.0.5 in network 'front' is for one container at a time"],
        ),
    ],
)
def test_whoever_moves_along_is_under_the_same_rules(
    keys: str, mode: str, expected: list[str]
) -> None:
    assert company(keys, mode) == expected


@pytest.mark.parametrize("strategy", ["recreate", "rolling"])
def test_beside_is_only_where_the_owner_goes_beside(strategy: str) -> None:
    assert company("volumes: ['data:/d']", strategy=strategy) == []


def test_company_of_company_moves_too() -> None:
    text = """
        services:
          web: {image: PIN, ports: ['80:80'], x-moorline: {strategy: blue-green}}
          side: {image: PIN, pid: 'service:web', ipc: 'service:web'}
          far: {image: PIN, pid: 'service:side', ipc: 'service:web', ports: ['90:90']}
    """
    assert problems(text) == [
        f"services.far.ipc: {MOVES}it publishes a port, which two containers cannot have"
    ]


def test_a_ring_of_namespaces_ends() -> None:
    text = """
        services:
          a: {image: PIN, pid: 'service:b'}
          b: {image: PIN, pid: 'service:a'}
          c: {image: PIN, pid: 'service:gone'}
    """
    assert problems(text) == [
        "services.a.pid: depends on itself: a → b → a",
        "services.c.pid: there is no service 'gone'",
    ]


# --- shared volumes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ("data", "shared_volumes: must be a list"),
        (
            "[date]",
            (
                "shared_volumes[0]: the service mounts no volume or host path 'date'; "
                "did you mean 'data'?"
            ),
        ),
        ("[data, data]", "shared_volumes[1]: 'data' is in the list already"),
        ("[5]", "shared_volumes[0]: must be a string; put it in quotes"),
    ],
)
def test_what_cannot_be_shared_is_told(shared: str, expected: str) -> None:
    keys = f"volumes: ['data:/data']\nx-moorline: {{shared_volumes: {shared}}}"
    assert service_problems(keys, rest=TOP) == [f"x-moorline.{expected}"]


# --- choices -------------------------------------------------------------------------------------


def test_every_service_is_told_what_it_could_use() -> None:
    found = choices(
        environment(
            """
            services:
              web: {image: PIN, scale: 2, ports: ['80:80'], x-moorline: {strategy: rolling}}
              db: {image: PIN, volumes: ['data:/data'], ports: ['5432:5432']}
            volumes: {data: }
            """
        )
    )
    assert found == (
        Choice(
            service="web",
            strategy="rolling",
            against={
                "recreate": ("2 containers cannot share port 80 of the host",),
                "rolling": (),
                "blue-green": (),
                "canary": (),
            },
        ),
        Choice(
            service="db",
            strategy="recreate",
            against={
                "recreate": (),
                "rolling": (data("data"),),
                "blue-green": (data("data"),),
                "canary": (data("data"),),
            },
        ),
    )
