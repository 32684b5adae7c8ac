"""Each simple key: what it becomes for the engine, and what it refuses."""

import pytest

from moorline.core.compose import REFUSED_KEYS, REFUSED_TOP_KEYS, SERVICE_KEYS, TOP_KEYS
from moorline.core.values import Json
from tests.core.compose.loading import problems, service, service_problems

MEGABYTE = 1024 * 1024

CONFIG: list[tuple[str, str, Json]] = [
    ("domainname: example.test", "Domainname", "example.test"),
    ("hostname: web", "Hostname", "web"),
    ("labels: {a: text, b: 1, c: }", "Labels", {"a": "text", "b": "1", "c": ""}),
    ("labels: [a=b=c, d]", "Labels", {"a": "b=c", "d": ""}),
    ("mac_address: 02:42:ac:11:00:02", "MacAddress", "02:42:ac:11:00:02"),
    ("platform: linux/arm64", "Platform", "linux/arm64"),
    ("stdin_open: true", "OpenStdin", True),
    ("stop_signal: SIGINT", "StopSignal", "SIGINT"),
    ("tty: 'on'", "Tty", True),
    ("user: '1000:1000'", "User", "1000:1000"),
    ("working_dir: /srv", "WorkingDir", "/srv"),
]

HOST_CONFIG: list[tuple[str, str, Json]] = [
    ("annotations: {a: 1}", "Annotations", {"a": "1"}),
    ("cap_add: [NET_ADMIN]", "CapAdd", ["NET_ADMIN"]),
    ("cap_drop: [ALL]", "CapDrop", ["ALL"]),
    ("cgroup: private", "CgroupnsMode", "private"),
    ("cgroup_parent: /group", "CgroupParent", "/group"),
    ("cpu_period: 50000", "CpuPeriod", 50000),
    ("cpu_quota: '-1'", "CpuQuota", -1),
    ("cpu_shares: 512", "CpuShares", 512),
    ("cpus: 0.5", "NanoCpus", 500_000_000),
    ("cpus: '1.25'", "NanoCpus", 1_250_000_000),
    ("cpus: 2", "NanoCpus", 2_000_000_000),
    ("cpuset: 0-2", "CpusetCpus", "0-2"),
    ("device_cgroup_rules: ['c 1:3 mr']", "DeviceCgroupRules", ["c 1:3 mr"]),
    ("dns: 10.0.0.1", "Dns", ["10.0.0.1"]),
    ("dns: [10.0.0.1, 10.0.0.2]", "Dns", ["10.0.0.1", "10.0.0.2"]),
    ("dns_opt: ['ndots:2']", "DnsOptions", ["ndots:2"]),
    ("dns_search: example.test", "DnsSearch", ["example.test"]),
    (
        "extra_hosts: ['b:1.2.3.4', 'a=::1', 'c:[::2]']",
        "ExtraHosts",
        ["a:::1", "b:1.2.3.4", "c:::2"],
    ),
    ("extra_hosts: {a: 1.1.1.1, b: [2.2.2.2]}", "ExtraHosts", ["a:1.1.1.1", "b:2.2.2.2"]),
    ("group_add: [audio, 1000]", "GroupAdd", ["audio", "1000"]),
    ("init: true", "Init", True),
    ("logging: {driver: none}", "LogConfig", {"Type": "none", "Config": {}}),
    (
        "logging: {driver: local, options: {max-size: 10m, max-file: 3, labels: }}",
        "LogConfig",
        {"Type": "local", "Config": {"max-size": "10m", "max-file": "3", "labels": ""}},
    ),
    ("logging: {options: {a: b}}", "LogConfig", {"Type": "", "Config": {"a": "b"}}),
    ("mem_limit: 64m", "Memory", 64 * MEGABYTE),
    ("mem_limit: 1.5GB", "Memory", 1536 * MEGABYTE),
    ("mem_limit: 512", "Memory", 512),
    ("mem_limit: '10 MiB'", "Memory", 10 * MEGABYTE),
    ("mem_reservation: 1k", "MemoryReservation", 1024),
    ("mem_swappiness: 0", "MemorySwappiness", 0),
    ("memswap_limit: -1", "MemorySwap", -1),
    ("memswap_limit: 1g", "MemorySwap", 1024 * MEGABYTE),
    ("oom_kill_disable: true", "OomKillDisable", True),
    ("oom_score_adj: -500", "OomScoreAdj", -500),
    ("pids_limit: -1", "PidsLimit", -1),
    ("privileged: true", "Privileged", True),
    ("read_only: 'no'", "ReadonlyRootfs", False),
    ("restart: 'no'", "RestartPolicy", {"Name": "no", "MaximumRetryCount": 0}),
    ("restart: no", "RestartPolicy", {"Name": "no", "MaximumRetryCount": 0}),
    ("restart: on-failure", "RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 0}),
    ("restart: on-failure:3", "RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 3}),
    ("runtime: runc", "Runtime", "runc"),
    ("shm_size: 16m", "ShmSize", 16 * MEGABYTE),
    ("storage_opt: {size: 1G}", "StorageOpt", {"size": "1G"}),
    ("sysctls: {a.b: 1}", "Sysctls", {"a.b": "1"}),
    ("sysctls: [a.b=1]", "Sysctls", {"a.b": "1"}),
    ("tmpfs: /run", "Tmpfs", {"/run": ""}),
    (
        "tmpfs: ['/run:size=1m,mode=1777', /tmp]",
        "Tmpfs",
        {"/run": "size=1m,mode=1777", "/tmp": ""},
    ),
    (
        "ulimits: {nproc: 10, nofile: {soft: 1, hard: 2}, core: -1, data: {soft: 5, hard: -1}}",
        "Ulimits",
        [
            {"Name": "core", "Soft": -1, "Hard": -1},
            {"Name": "data", "Soft": 5, "Hard": -1},
            {"Name": "nofile", "Soft": 1, "Hard": 2},
            {"Name": "nproc", "Soft": 10, "Hard": 10},
        ],
    ),
    ("userns_mode: host", "UsernsMode", "host"),
    ("uts: host", "UTSMode", "host"),
    ("ipc: shareable", "IpcMode", "shareable"),
    ("ipc: container:other", "IpcMode", "container:other"),
    ("pid: host", "PidMode", "host"),
    ("network_mode: bridge", "NetworkMode", "bridge"),
    ("network_mode: container:other", "NetworkMode", "container:other"),
    ("security_opt: [no-new-privileges]", "SecurityOpt", ["no-new-privileges"]),
    (
        "security_opt: ['label:disable', seccomp=unconfined]",
        "SecurityOpt",
        ["label:disable", "seccomp=unconfined"],
    ),
]


@pytest.mark.parametrize(("keys", "field", "value"), CONFIG, ids=[row[0] for row in CONFIG])
def test_a_key_becomes_a_field_of_the_request(keys: str, field: str, value: Json) -> None:
    assert service(keys).config == {field: value}


@pytest.mark.parametrize(
    ("keys", "field", "value"), HOST_CONFIG, ids=[row[0] for row in HOST_CONFIG]
)
def test_a_key_becomes_a_field_of_the_host_config(keys: str, field: str, value: Json) -> None:
    assert service(keys).host_config == {field: value}


def test_devices_have_a_short_and_a_long_form() -> None:
    keys = """
        devices:
          - /dev/null
          - /dev/zero:/dev/nought
          - /dev/full:/dev/full:r
          - {source: /dev/null, target: /dev/nothing, permissions: rw}
          - {source: /dev/zero}
    """
    assert service(keys).host_config["Devices"] == [
        {"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"},
        {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/nought", "CgroupPermissions": "rwm"},
        {"PathOnHost": "/dev/full", "PathInContainer": "/dev/full", "CgroupPermissions": "r"},
        {"PathOnHost": "/dev/null", "PathInContainer": "/dev/nothing", "CgroupPermissions": "rw"},
        {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/zero", "CgroupPermissions": "rwm"},
    ]


def test_unconfined_system_paths_are_two_empty_lists() -> None:
    host_config = service("security_opt: [systempaths=unconfined]").host_config
    assert host_config == {"MaskedPaths": [], "ReadonlyPaths": []}


@pytest.mark.parametrize("option", ["seccomp:../profile.json", "seccomp=/etc/profile.json"])
def test_a_seccomp_profile_is_read_and_made_compact(option: str) -> None:
    files = {"profile.json": b'{ "a": [1] }', "/etc/profile.json": b'{"a":\n[1]}'}
    host_config = service(f"security_opt: ['{option}']", files=files).host_config
    assert host_config["SecurityOpt"] == ['seccomp={"a":[1]}']


REFUSALS = [
    ("hostname: 5", "hostname: must be a string; put it in quotes"),
    ("hostname:", "hostname: has no value; it must be a string, or leave the key out"),
    ("hostname: [a]", "hostname: must be a string"),
    ("stop_signal: ''", "stop_signal: must not be empty"),
    ("user: 1000", "user: must be a string; put it in quotes"),
    ("tty: maybe", "tty: must be true or false"),
    ("tty: [true]", "tty: must be true or false"),
    ("init: 1", "init: must be true or false"),
    ("mac_address: nonsense", "mac_address: must be a MAC address such as 02:42:ac:11:00:02"),
    ("mac_address: ''", "mac_address: must not be empty"),
    ("labels: text", "labels: must be a mapping, or a list of KEY=value"),
    ("labels: {a: [b]}", "labels.a: must be a string"),
    ("labels: {a: 2001-01-01}", "labels.a: reads as a date; put it in quotes"),
    ("labels: {a: .inf}", "labels.a: not a number that can be printed; put it in quotes"),
    ("labels: [a=1, a=2]", "labels[1]: 'a' is in the list already"),
    ("cap_add: NET_ADMIN", "cap_add: must be a list"),
    ("cap_add: [A, B, A]", "cap_add[2]: 'A' is in the list already"),
    ("cgroup: hots", "cgroup: must be one of host, private; did you mean 'host'?"),
    ("cgroup: ''", "cgroup: must not be empty"),
    ("cpu_shares: 1.5", "cpu_shares: must be a whole number, 0 or more"),
    ("cpu_shares: -1", "cpu_shares: must be a whole number, 0 or more"),
    ("cpu_shares: 99999999999999999999", "cpu_shares: must be a whole number, 0 or more"),
    ("cpu_shares: true", "cpu_shares: must be a whole number, 0 or more"),
    ("mem_swappiness: 101", "mem_swappiness: must be a whole number, 0 to 100"),
    ("cpus: many", "cpus: must be a number"),
    ("cpus: true", "cpus: must be a number"),
    ("cpus: [1]", "cpus: must be a number"),
    ("cpus: -1", "cpus: must be 0 or more processors"),
    ("cpus: 9999999999999", "cpus: must be 0 or more processors"),
    ("devices: [null_device]", "devices[0]: must begin with the absolute path of a device"),
    ("devices: [/dev/null:/dev/x:abc]", "devices[0]: permissions are any of r, w and m"),
    ("devices: [{target: /dev/x}]", "devices[0]: 'source' is missing"),
    ("devices: ['']", "devices[0]: must not be empty"),
    ("extra_hosts: [nonsense]", "extra_hosts[0]: must be host:address"),
    ("extra_hosts: ['']", "extra_hosts[0]: must not be empty"),
    ("extra_hosts: text", "extra_hosts: must be a list"),
    ("logging: none", "logging: must be a mapping"),
    ("logging: {drivr: x}", "logging.drivr: not a Compose key; did you mean 'driver'?"),
    ("mem_limit: lots", "mem_limit: must be a size such as 512m or 2gb"),
    ("mem_limit: -1", "mem_limit: must be a whole number, 0 or more"),
    ("mem_limit: 99999999p", "mem_limit: must be a size such as 512m or 2gb"),
    ("memswap_limit: '-1'", "memswap_limit: must be a size such as 512m or 2gb"),
    ("mem_limit: [1]", "mem_limit: must be a size such as 512m or 2gb"),
    (
        "restart: sometimes",
        "restart: must be one of no, always, on-failure, unless-stopped",
    ),
    (
        "restart: allways",
        "restart: must be one of no, always, on-failure, unless-stopped; did you mean 'always'?",
    ),
    ("restart: false", "restart: must be a string; put it in quotes"),
    ("restart: ''", "restart: must not be empty"),
    (
        "restart: always:3",
        "restart: only on-failure takes a number of attempts, such as on-failure:3",
    ),
    (
        "restart: on-failure:x",
        "restart: only on-failure takes a number of attempts, such as on-failure:3",
    ),
    ("security_opt: [nonsense]", "security_opt[0]: must be name=value or name:value"),
    ("security_opt: ['']", "security_opt[0]: must not be empty"),
    (
        "security_opt: [seccomp=x.json]",
        "security_opt[0]: no file environments/x.json in the repository",
    ),
    ("security_opt: [seccomp=/x.json]", "security_opt[0]: no file /x.json on the host"),
    ("security_opt: [seccomp=../../x]", "security_opt[0]: leads out of the repository"),
    ("security_opt: [seccomp=bad.json]", "security_opt[0]: environments/bad.json is not JSON"),
    ("sysctls: {a: }", "sysctls: 'a' has no value"),
    ("tmpfs: run", "tmpfs: must be an absolute path"),
    ("tmpfs: [/a, '/a:size=1m']", "tmpfs[1]: '/a' is in the list already"),
    ("tmpfs: ''", "tmpfs: must not be empty"),
    ("ulimits: {nofile: -2}", "ulimits.nofile: must be a whole number, -1 or more"),
    ("ulimits: {nofile: {soft: 2, hard: 1}}", "ulimits.nofile: soft is above hard"),
    ("ulimits: {nofile: {soft: 2}}", "ulimits.nofile: 'hard' is missing"),
    ("ulimits: {nofile: {hard: 2}}", "ulimits.nofile: 'soft' is missing"),
    ("uts: private", "uts: must be one of host"),
    (
        "ipc: shared",
        (
            "ipc: must be one of host, none, private, shareable, service:NAME, container:NAME; "
            "did you mean 'shareable'?"
        ),
    ),
    (
        "ipc: 'service:'",
        "ipc: must be one of host, none, private, shareable, service:NAME, container:NAME",
    ),
    ("ipc: ''", "ipc: must not be empty"),
    (
        "network_mode: mynet",
        "network_mode: must be one of bridge, host, none, service:NAME, container:NAME",
    ),
]


@pytest.mark.parametrize(("keys", "problem"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_wrong_value_is_told_with_its_key(keys: str, problem: str) -> None:
    files = {"environments/bad.json": b"{"}
    assert [
        each.partition("; did you mean 'service")[0]
        for each in service_problems(keys, files=files)
    ] == [problem]


def test_pid_may_be_left_empty_as_under_compose() -> None:
    assert service("pid:").host_config == {}


@pytest.mark.parametrize("name", REFUSED_KEYS)
def test_a_key_that_compose_knows_is_refused_with_the_reason(name: str) -> None:
    (problem,) = service_problems(f"{name}: x")
    assert problem == f"{name}: not supported: {REFUSED_KEYS[name]}"


@pytest.mark.parametrize("name", REFUSED_TOP_KEYS)
def test_a_top_level_key_that_compose_knows_is_refused_with_the_reason(name: str) -> None:
    (problem,) = problems(f"{name}: x\nservices: {{}}\n")
    assert problem == f"{name}: not supported: {REFUSED_TOP_KEYS[name]}"


def test_no_key_is_both_supported_and_refused() -> None:
    assert not SERVICE_KEYS.keys() & REFUSED_KEYS.keys()
    assert not TOP_KEYS.keys() & REFUSED_TOP_KEYS.keys()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("imag", "; did you mean 'image'?"),
        ("enviroment", "; did you mean 'environment'?"),
        ("buil", "; did you mean 'build'?"),
        ("qqqqqq", ""),
        ("k" * 41, ""),
    ],
)
def test_an_unknown_key_is_told_where_it_stands_with_a_near_one(name: str, hint: str) -> None:
    assert service_problems(f"{name}: 1") == [f"{name}: not a Compose key{hint}"]


def test_other_extensions_are_left_to_others() -> None:
    assert service("x-other: {anything: [goes]}").config == {}
