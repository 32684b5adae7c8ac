"""Jobs: what a job's container shares with its service's, and what it must not."""

from dataclasses import replace

from moorline.core.container import create_body
from moorline.core.jobs import find_job, job_name, job_service, job_spec
from moorline.core.labels import Retirement, container_labels
from moorline.core.model import Attachment, Dependency, Environment, FileMount, HealthPolicy, Hook
from moorline.core.strategy import BlueGreen, Job
from moorline.core.traffic import Listener
from tests.core.builders import desired, environment, image, service

MIGRATE = Job(
    name="migrate",
    when="before",
    image=image("web", "2"),
    config={"Cmd": ["migrate", "up"], "Env": ["A=1", "B=2"]},
)
WEB = replace(
    service(
        "web",
        "2",
        env=["A=1"],
        networks=["front", "back"],
        host_config={
            "Memory": 64 << 20,
            "Mounts": [{"Type": "volume", "Source": "prod_data", "Target": "/data"}],
            "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
            "RestartPolicy": {"Name": "always"},
        },
    ),
    config={
        "Cmd": ["serve"],
        "Entrypoint": ["/entry"],
        "Env": ["A=1"],
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "true"]},
        "Hostname": "web",
        "Labels": {"traefik.enable": "true"},
        "OpenStdin": True,
        "Tty": True,
        "User": "app",
    },
    files=(FileMount(kind="secret", source="key", target="/run/secrets/key"),),
    volumes=("data",),
    depends_on=(Dependency(service="db"),),
    replicas=3,
    container_name="web",
    post_start=(Hook(command=("warm",)),),
    pre_stop=(Hook(command=("cool",)),),
    health=HealthPolicy(tcp=":80"),
    strategy=BlueGreen(),
    listeners=(Listener(host_port=8080, container_port=80),),
    jobs=(MIGRATE,),
)


def test_a_job_sees_what_its_service_sees() -> None:
    made = job_service(WEB, MIGRATE)
    assert made.host_config["Memory"] == 64 << 20
    assert made.host_config["Mounts"] == WEB.host_config["Mounts"]
    assert (made.volumes, made.files) == (WEB.volumes, WEB.files)
    assert [each.network for each in made.networks] == ["front", "back"]
    assert made.config["Env"] == ["A=1", "B=2"]
    assert (made.config["Entrypoint"], made.config["User"]) == (["/entry"], "app")
    assert made.image == MIGRATE.image


def test_a_job_is_never_taken_for_its_service() -> None:
    made = job_service(WEB, MIGRATE)
    assert made.config["Cmd"] == ["migrate", "up"]
    assert made.config["Healthcheck"] == {"Test": ["NONE"]}
    assert made.config.keys().isdisjoint(
        {"ExposedPorts", "Hostname", "Labels", "OpenStdin", "Tty", "MacAddress"}
    )
    assert "PortBindings" not in made.host_config
    assert made.host_config["RestartPolicy"] == {"Name": "no"}
    assert (made.listeners, made.jobs, made.container_name, made.replicas) == ((), (), None, 1)
    assert (made.post_start, made.pre_stop, made.depends_on) == ((), (), ())


def test_a_job_in_another_image_leaves_what_was_written_for_the_services() -> None:
    other = replace(MIGRATE, image=image("migrations", "7"))
    made = job_service(WEB, other)
    assert made.config.keys() == {"Cmd", "Env", "Healthcheck"}
    assert (
        job_service(WEB, replace(other, config={**other.config, "User": "0"})).config["User"]
        == "0"
    )


def test_a_job_has_no_names_or_addresses_in_its_networks() -> None:
    static = Attachment(
        network="front",
        aliases=("www",),
        ipv4_address="10.0.0.7",
        mac_address="02:42:ac:11:00:02",
        driver_opts={"com.example": "1"},
        priority=5,
    )
    made = job_service(replace(WEB, networks=(static,)), MIGRATE)
    assert made.networks == (
        Attachment(network="front", driver_opts={"com.example": "1"}, priority=5),
    )
    body = create_body(_environment(), made, labels={}, shares={}, mounts=(), named=False)
    assert body["NetworkingConfig"] == {
        "EndpointsConfig": {"prod_front": {"Aliases": [], "DriverOpts": {"com.example": "1"}}}
    }


def _environment() -> Environment:
    return environment(WEB)


def test_a_jobs_name_is_the_same_at_every_attempt() -> None:
    assert (
        job_name("prod", "web", "migrate", "0123456789abcdef") == "prod-web-job-migrate-01234567"
    )


def test_a_jobs_spec_follows_everything_that_it_is_made_of() -> None:
    [workload] = desired(service("web", "2", jobs=(MIGRATE,))).workloads
    [changed] = desired(service("web", "2", env=["A=2"], jobs=(MIGRATE,))).workloads
    variants = [
        (workload, MIGRATE),
        (changed, MIGRATE),
        (workload, replace(MIGRATE, name="seed")),
        (workload, replace(MIGRATE, when="after")),
        (workload, replace(MIGRATE, image=image("web", "3"))),
        (workload, replace(MIGRATE, config={"Cmd": ["migrate", "down"]})),
    ]
    specs = [job_spec(*each) for each in variants]
    assert len(set(specs)) == len(variants)
    assert specs[0] == job_spec(workload, replace(MIGRATE, timeout=1))
    assert workload.spec not in specs


def test_a_job_is_found_by_its_name() -> None:
    assert find_job(WEB, "migrate") == MIGRATE
    assert find_job(WEB, "seed") is None


def test_a_jobs_container_is_labelled_as_a_one_off_of_its_service() -> None:
    labels = container_labels(
        environment="prod",
        service="web",
        number=1,
        commit="c0ffee",
        spec="5" * 64,
        pin=MIGRATE.image.pin,
        retirement=Retirement(restarts=False),
        shares={},
        job="migrate",
    )
    assert labels["moorline.job"] == "migrate"
    assert labels["com.docker.compose.oneoff"] == "True"
    assert labels["moorline.service"] == "web"
