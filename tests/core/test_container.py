from moorline.core.container import (
    create_body,
    endpoints,
    network_body,
    volume_body,
    with_network_names,
)
from moorline.core.model import Environment
from moorline.core.values import canonical
from tests.core.compose.loading import PIN, environment

TEXT = """
services:
  web:
    image: PIN
    labels: {team: a, moorline.commit: theirs}
    volumes: ["data:/data"]
    networks:
      front: {aliases: [www, web], priority: 1, mac_address: "02:42:ac:11:00:02"}
      back:
        ipv4_address: 10.1.0.2
        ipv6_address: fd00::2
        link_local_ips: [169.254.0.2]
        driver_opts: {a: b}
  plain: {image: PIN}
  bridged: {image: PIN, network_mode: bridge, mac_address: "02:42:ac:11:00:09"}
  sharing: {image: PIN, network_mode: "service:plain"}
  named: {image: PIN, container_name: own-name}
networks:
  front: {name: the-front, labels: {a: b}, driver: bridge}
  back:
volumes:
  data: {labels: {c: d}}
"""
LABELS = {"com.docker.compose.container-number": "2", "moorline.commit": "ours"}


def loaded() -> Environment:
    return environment(TEXT)


def test_a_request_is_whole() -> None:
    body = create_body(
        loaded(),
        loaded().service("web"),
        labels=LABELS,
        shares={},
        mounts=[{"Type": "bind", "Source": "/s", "Target": "/run/secrets/s", "ReadOnly": True}],
    )
    assert body == {
        "Image": PIN,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": {
            "team": "a",
            "com.docker.compose.container-number": "2",
            "moorline.commit": "ours",
        },
        "MacAddress": "02:42:ac:11:00:02",
        "HostConfig": {
            "NetworkMode": "the-front",
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": "production_data",
                    "Target": "/data",
                    "VolumeOptions": {},
                },
                {"Type": "bind", "Source": "/s", "Target": "/run/secrets/s", "ReadOnly": True},
            ],
        },
        "NetworkingConfig": {
            "EndpointsConfig": {
                "the-front": {
                    "Aliases": ["production-web-2", "web", "www"],
                    "MacAddress": "02:42:ac:11:00:02",
                }
            }
        },
    }
    assert canonical(body)


def test_a_plain_service_is_created_in_the_default_network() -> None:
    body = create_body(loaded(), loaded().service("plain"), labels={}, shares={}, mounts=())
    assert body == {
        "Image": PIN,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": {},
        "HostConfig": {"NetworkMode": "production_default"},
        "NetworkingConfig": {
            "EndpointsConfig": {"production_default": {"Aliases": ["production-plain-1", "plain"]}}
        },
    }


def test_a_network_mode_leaves_the_endpoints_out() -> None:
    body = create_body(loaded(), loaded().service("bridged"), labels={}, shares={}, mounts=())
    assert body["HostConfig"] == {"NetworkMode": "bridge"}
    assert body["NetworkingConfig"] == {"EndpointsConfig": {}}
    assert body["MacAddress"] == "02:42:ac:11:00:09"


def test_a_shared_namespace_names_the_container() -> None:
    shares = {"NetworkMode": "container:0123"}
    body = create_body(loaded(), loaded().service("sharing"), labels={}, shares=shares, mounts=())
    assert body["HostConfig"] == {"NetworkMode": "container:0123"}


def test_mounts_are_added_where_there_were_none() -> None:
    mount = {"Type": "bind", "Source": "/s", "Target": "/t"}
    body = create_body(loaded(), loaded().service("plain"), labels={}, shares={}, mounts=[mount])
    host_config = body["HostConfig"]
    assert isinstance(host_config, dict)
    assert host_config["Mounts"] == [mount]


def test_endpoints_come_by_priority_with_composes_aliases() -> None:
    assert endpoints(loaded(), loaded().service("web"), number=3) == (
        (
            "the-front",
            {
                "Aliases": ["production-web-3", "web", "www"],
                "MacAddress": "02:42:ac:11:00:02",
            },
        ),
        (
            "production_back",
            {
                "Aliases": ["production-web-3", "web"],
                "IPAMConfig": {
                    "IPv4Address": "10.1.0.2",
                    "IPv6Address": "fd00::2",
                    "LinkLocalIPs": ["169.254.0.2"],
                },
                "DriverOpts": {"a": "b"},
            },
        ),
    )


def test_a_container_with_a_name_of_its_own_is_known_by_it() -> None:
    ((_, endpoint),) = endpoints(loaded(), loaded().service("named"), number=1)
    assert endpoint == {"Aliases": ["own-name", "named"]}


def test_networks_and_volumes_carry_composes_labels_and_ours() -> None:
    found = loaded()
    front = next(network for network in found.networks if network.key == "front")
    assert network_body(found, front, labels={"moorline.spec": "1"}) == {
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Labels": {
            "a": "b",
            "com.docker.compose.project": "production",
            "com.docker.compose.network": "front",
            "com.docker.compose.version": "2.26.1",
            "moorline.spec": "1",
        },
    }
    (data,) = found.volumes
    assert volume_body(found, data, labels={}) == {
        "Labels": {
            "c": "d",
            "com.docker.compose.project": "production",
            "com.docker.compose.volume": "data",
            "com.docker.compose.version": "2.26.1",
        },
    }


def test_networks_take_the_names_that_a_plan_chose() -> None:
    found = with_network_names(loaded(), {"front": "production_front-2"})
    assert {each.key: each.name for each in found.networks}["front"] == "production_front-2"
    assert with_network_names(found, {}) == found
