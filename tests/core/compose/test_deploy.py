import pytest

from moorline.core.values import Json
from tests.core.compose.loading import service, service_problems

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("deploy", "host_config"),
    [
        ("", {}),
        ("{}", {}),
        (
            "{resources: {limits: {cpus: '0.5', memory: 64m, pids: 10}}}",
            {"NanoCpus": 500_000_000, "Memory": 64 * MEGABYTE, "PidsLimit": 10},
        ),
        (
            "{resources: {reservations: {cpus: 0.25, memory: 32m}}}",
            {"MemoryReservation": 32 * MEGABYTE},
        ),
        (
            "{restart_policy: {}}",
            {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
        ),
        (
            "{restart_policy: {condition: none}}",
            {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
        ),
        (
            "{restart_policy: {condition: any, delay: 5s, window: 1m}}",
            {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
        ),
        (
            "{restart_policy: {condition: on-failure, max_attempts: 3}}",
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
        ),
        ("{labels: {a: b}}", {}),
        (
            (
                "{update_config: {parallelism: 2, delay: 1s, failure_action: rollback, "
                "monitor: 5s, max_failure_ratio: 0.5, order: stop-first}}"
            ),
            {},
        ),
    ],
)
def test_deploy_is_told_to_the_engine_as_far_as_it_has_a_meaning(
    deploy: str, host_config: Json
) -> None:
    web = service(f"deploy: {deploy}")
    assert web.host_config == host_config
    assert web.config == {}


@pytest.mark.parametrize(
    ("keys", "replicas"),
    [
        ("", 1),
        ("scale: 0", 0),
        ("scale: '3'", 3),
        ("deploy: {replicas: 2}", 2),
        ("scale: 2\ndeploy: {replicas: 2}", 2),
        ("deploy: {replicas: 0}", 0),
    ],
)
def test_the_number_of_containers_is_said_in_either_place(keys: str, replicas: int) -> None:
    assert service(keys).replicas == replicas


def test_the_same_limit_may_be_said_twice() -> None:
    web = service("mem_limit: 64m\ndeploy: {resources: {limits: {memory: 65536k}}}")
    assert web.host_config == {"Memory": 64 * MEGABYTE}


ONE_PLACE = "differs from what the service itself says; say it in one place"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("deploy: text", ["deploy: must be a mapping"]),
        (
            "deploy: {mode: global}",
            ["deploy.mode: not supported: only Swarm has modes; use replicas"],
        ),
        (
            "deploy: {placement: {}}",
            ["deploy.placement: not supported: only Swarm has nodes to choose from"],
        ),
        (
            "deploy: {endpoint_mode: vip}",
            ["deploy.endpoint_mode: not supported: only Swarm has virtual addresses"],
        ),
        (
            "deploy: {rollback_config: {}}",
            [
                (
                    "deploy.rollback_config: not supported: moorline takes a failed change "
                    "back as one unit, at once"
                )
            ],
        ),
        (
            "deploy: {replica: 2}",
            ["deploy.replica: not a Compose key; did you mean 'replicas'?"],
        ),
        ("deploy: {replicas: -1}", ["deploy.replicas: must be a whole number, 0 to 1000"]),
        ("scale: 1001", ["scale: must be a whole number, 0 to 1000"]),
        (
            "scale: 2\ndeploy: {replicas: 3}",
            ["scale: differs from deploy.replicas; say it in one place"],
        ),
        (
            "mem_limit: 1m\ndeploy: {resources: {limits: {memory: 2m}}}",
            [f"deploy.resources.limits.memory: {ONE_PLACE}"],
        ),
        (
            "restart: always\ndeploy: {restart_policy: {condition: none}}",
            [f"deploy.restart_policy: {ONE_PLACE}"],
        ),
        (
            "deploy: {restart_policy: {max_attempts: 3}}",
            ["deploy.restart_policy.max_attempts: needs condition: on-failure"],
        ),
        (
            "deploy: {restart_policy: {condition: sometimes}}",
            [
                (
                    "deploy.restart_policy.condition: must be one of none, no, on-failure, any, "
                    "always, unless-stopped"
                )
            ],
        ),
        (
            "deploy: {restart_policy: {condition: ''}}",
            ["deploy.restart_policy.condition: must not be empty"],
        ),
        (
            "deploy: {restart_policy: {delay: 5}}",
            ["deploy.restart_policy.delay: must be a string; put it in quotes"],
        ),
        (
            "deploy: {resources: {reservations: {devices: []}}}",
            [
                (
                    "deploy.resources.reservations.devices: not supported: GPUs and other device "
                    "drivers are not supported yet; use devices of the service"
                )
            ],
        ),
        (
            "deploy: {resources: {reservations: {cpus: x}}}",
            ["deploy.resources.reservations.cpus: must be a number"],
        ),
        (
            "deploy: {update_config: {order: random, delay: soon}}",
            [
                "deploy.update_config.order: must be one of stop-first, start-first",
                "deploy.update_config.delay: must be a duration such as 10s, 1m30s or 500ms",
            ],
        ),
        ("deploy: {labels: x}", ["deploy.labels: must be a mapping, or a list of KEY=value"]),
    ],
)
def test_what_has_no_meaning_is_told(keys: str, expected: list[str]) -> None:
    assert service_problems(keys) == expected
