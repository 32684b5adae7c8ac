import pytest

from moorline.core.model import Volume
from moorline.core.values import Json
from tests.core.compose.loading import environment, problems, service, service_problems

DECLARED = "volumes: {data: , other: {name: named}}"


@pytest.mark.parametrize(
    ("volumes", "binds"),
    [
        ("[/host:/data]", ["/host:/data:rw"]),
        ("[/host:/data:ro]", ["/host:/data:ro"]),
        ("[/host:/data/:rw]", ["/host:/data:rw"]),
        ("['/host:/data:ro,z,rslave']", ["/host:/data:ro,z,rslave"]),
        ("['/host:/data:shared']", ["/host:/data:rw,shared"]),
        ("[{type: bind, source: /host, target: /data}]", ["/host:/data:rw"]),
        (
            (
                "[{type: bind, source: /host, target: /data, read_only: true, "
                "bind: {create_host_path: true, selinux: Z, propagation: private}}]"
            ),
            ["/host:/data:ro,Z,private"],
        ),
    ],
)
def test_a_host_path_that_may_be_created_is_a_bind(volumes: str, binds: list[str]) -> None:
    assert service(f"volumes: {volumes}").host_config == {"Binds": binds}


@pytest.mark.parametrize(
    ("volumes", "mount"),
    [
        (
            "[{type: bind, source: /host, target: /data, bind: {create_host_path: false}}]",
            {"Type": "bind", "Source": "/host", "Target": "/data", "BindOptions": {}},
        ),
        (
            (
                "[{type: bind, source: /host, target: /data, read_only: true, "
                "bind: {create_host_path: false, propagation: rslave}}]"
            ),
            {
                "Type": "bind",
                "Source": "/host",
                "Target": "/data",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rslave"},
            },
        ),
        (
            "[data:/data]",
            {
                "Type": "volume",
                "Source": "production_data",
                "Target": "/data",
                "VolumeOptions": {},
            },
        ),
        (
            "['other:/data:ro,nocopy']",
            {
                "Type": "volume",
                "Source": "named",
                "Target": "/data",
                "ReadOnly": True,
                "VolumeOptions": {"NoCopy": True},
            },
        ),
        ("[/data]", {"Type": "volume", "Target": "/data", "VolumeOptions": {}}),
        ("[{type: volume, target: /data}]", {"Type": "volume", "Target": "/data"}),
        (
            "[{type: volume, source: data, target: /data, volume: {nocopy: true}}]",
            {
                "Type": "volume",
                "Source": "production_data",
                "Target": "/data",
                "VolumeOptions": {"NoCopy": True},
            },
        ),
        (
            "[{type: volume, source: data, target: /data, volume: {nocopy: false}}]",
            {
                "Type": "volume",
                "Source": "production_data",
                "Target": "/data",
                "VolumeOptions": {},
            },
        ),
        ("[{type: tmpfs, target: /data}]", {"Type": "tmpfs", "Target": "/data"}),
        (
            "[{type: tmpfs, target: /data, tmpfs: {size: 1m, mode: 01777}}]",
            {
                "Type": "tmpfs",
                "Target": "/data",
                "TmpfsOptions": {"SizeBytes": 1024 * 1024, "Mode": 0o1777},
            },
        ),
        (
            "[{type: tmpfs, target: /, tmpfs: {}}]",
            {"Type": "tmpfs", "Target": "/", "TmpfsOptions": {}},
        ),
    ],
)
def test_everything_else_is_a_mount(volumes: str, mount: Json) -> None:
    web = service(f"volumes: {volumes}", rest=DECLARED)
    assert web.host_config == {"Mounts": [mount]}


def test_a_service_knows_the_volumes_it_mounts_and_the_environment_those_in_use() -> None:
    loaded = environment(
        """
        services:
          web:
            image: PIN
            volumes: ["data:/b", "data:/c", "cache:/a", /anonymous, /host:/d]
        volumes:
          unused:
          cache: {driver: local, driver_opts: {size: 5}, labels: {a: b}}
          data: {external: true}
        """
    )
    assert loaded.service("web").volumes == ("cache", "data")
    assert loaded.volumes == (
        Volume(
            key="cache",
            name="production_cache",
            body={"Driver": "local", "DriverOpts": {"size": "5"}, "Labels": {"a": "b"}},
        ),
        Volume(key="data", name="data", external=True),
    )


NO_WORK_TREE = (
    "is not an absolute path; the host has no work tree to resolve it in: write the host's path, "
    "or deliver the file as a config"
)


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ("data:/data", [": must be a list"]),
        ("['']", ["[0]: must not be empty"]),
        ("['a:b:c:d']", ["[0]: must be SOURCE:TARGET[:OPTIONS]"]),
        ("['data:']", ["[0]: must be SOURCE:TARGET[:OPTIONS]"]),
        ("[':/data']", ["[0]: must be SOURCE:TARGET[:OPTIONS]"]),
        ("['data:/data:ro:rw']", ["[0]: must be SOURCE:TARGET[:OPTIONS]"]),
        ("['./data:/data']", [f"[0]: './data' {NO_WORK_TREE}"]),
        ("['~/data:/data']", [f"[0]: '~/data' {NO_WORK_TREE}"]),
        ("['/data:data']", ["[0]: 'data' is not an absolute path in the container"]),
        ("['data:/data:cached']", ["[0]: 'cached' is not an option of a volume mount"]),
        ("['data:/data:z']", ["[0]: 'z' is not an option of a volume mount"]),
        ("['data:/data:slave']", ["[0]: 'slave' is not an option of a volume mount"]),
        ("['/a:/data:nocopy']", ["[0]: 'nocopy' is not an option of a bind mount"]),
        (
            "['dat:/data']",
            ["[0]: volume 'dat' is not declared at the top of the file; did you mean 'data'?"],
        ),
        ("['data:/data', '/a:/data/']", ["[1]: something is mounted at /data already"]),
        ("[{target: /data}]", ["[0]: 'type' is missing"]),
        ("[{type: bind}]", ["[0]: 'target' is missing"]),
        (
            "[{type: bnd, target: /x}]",
            ["[0].type: must be one of bind, volume, tmpfs; did you mean 'bind'?"],
        ),
        (
            "[{type: npipe, target: /x}]",
            ["[0].type: not supported: named pipes exist on Windows only"],
        ),
        ("[{type: bind, target: /x}]", ["[0]: 'source' is missing"]),
        ("[{type: bind, source: x, target: /x}]", [f"[0]: 'x' {NO_WORK_TREE}"]),
        ("[{type: bind, source: '', target: /x}]", ["[0].source: must not be empty"]),
        ("[{type: volume, target: x}]", ["[0].target: must be an absolute path"]),
        ("[{type: volume, target: ''}]", ["[0].target: must not be empty"]),
        ("[{type: tmpfs, source: /x, target: /x}]", ["[0].source: a tmpfs has no source"]),
        (
            "[{type: tmpfs, target: /x, bind: {}}]",
            ["[0].bind: has no meaning in a tmpfs mount"],
        ),
        (
            "[{type: bind, source: /a, target: /x, bind: {create_host_path: false, selinux: z}}]",
            ["[0]: selinux needs create_host_path: true"],
        ),
        (
            "[{type: bind, source: /a, target: /x, bind: {recursive: disabled}}]",
            [
                "[0].bind.recursive: not supported: it needs Engine 25, and we serve older ones",
            ],
        ),
        (
            "[{type: volume, source: data, target: /x, volume: {subpath: a}}]",
            [
                "[0].volume.subpath: not supported: it needs Engine 26, and we serve older ones",
            ],
        ),
        (
            "[{type: volume, source: data, target: /x, consistency: cached}]",
            [
                "[0].consistency: not supported: only Docker Desktop has a cache to tune",
            ],
        ),
        (
            "[{type: tmpfs, target: /x, tmpfs: {mode: 777}}]",
            ["[0].tmpfs.mode: 777 is decimal here; write 0777"],
        ),
        (
            "[{type: tmpfs, target: /x, tmpfs: {mode: rwx}}]",
            ["[0].tmpfs.mode: must be permission bits such as 0440"],
        ),
        (
            "[{type: tmpfs, target: /x, tmpfs: {mode: [1]}}]",
            ["[0].tmpfs.mode: must be permission bits such as 0440"],
        ),
    ],
)
def test_what_cannot_be_mounted_is_told(volumes: str, expected: list[str]) -> None:
    found = service_problems(f"volumes: {volumes}", rest=DECLARED)
    assert found == [f"volumes{problem}" for problem in expected]


def test_a_top_level_volume_is_checked_even_if_nobody_uses_it() -> None:
    assert problems("services: {}\nvolumes: {a: {drver: x}, b: {external: yes, driver: x}}") == [
        "volumes.a.drver: not a Compose key; did you mean 'driver'?",
        "volumes.b.driver: has no meaning beside external: true",
    ]
