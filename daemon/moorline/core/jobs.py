"""Jobs: one-shot containers that run before or after a service's new version takes over.

A job sees what its service sees (networks, volumes, files, limits) and is never taken for it: it
has no ports, no names, no addresses of its own, none of the service's labels, and no healthcheck.
Its container's name is the same at every attempt at one commit, so that whoever was killed in
between finds the very run that was started, and nothing runs twice.
"""

from dataclasses import replace

from moorline.core.desired import SHORT, Workload
from moorline.core.model import Attachment, HealthPolicy, Service
from moorline.core.strategy import Job, Recreate
from moorline.core.values import Json, JsonObject, fingerprint

__all__ = ["find_job", "job_name", "job_service", "job_spec"]

_OF_SERVICES = frozenset(
    {
        "Cmd",
        "Domainname",
        "ExposedPorts",
        "Healthcheck",
        "Hostname",
        "Labels",  # a proxy or a log shipper would take the job for the service
        "MacAddress",
        "OpenStdin",  # nobody will ever type anything
        "StdinOnce",
        "Tty",
    }
)
_OF_IMAGES = frozenset({"Entrypoint", "StopSignal", "User", "WorkingDir"})
"""What was written for the service's image, and means nothing in another one."""
_OF_PORTS = frozenset({"PortBindings", "PublishAllPorts", "AutoRemove"})


def job_name(environment: str, service: str, job: str, commit: str) -> str:
    """The name of the container of a job at a commit."""
    return f"{environment}-{service}-job-{job}-{commit[:SHORT]}"


def find_job(service: Service, name: str) -> Job | None:
    """The job of `service` that is called `name`."""
    return next((job for job in service.jobs if job.name == name), None)


def job_service(service: Service, job: Job) -> Service:
    """The service as which `job` runs: everything else of it holds as for any service."""
    return replace(
        service,
        image=job.image,
        config=_config(service, job),
        host_config=_host_config(service),
        networks=tuple(_plain(each) for each in service.networks),
        depends_on=(),
        replicas=1,
        container_name=None,
        post_start=(),
        pre_stop=(),
        health=HealthPolicy(),
        strategy=Recreate(),
        listeners=(),
        jobs=(),
    )


def job_spec(workload: Workload, job: Job) -> str:
    """The spec of a job's container; it covers the contents of the service's files too."""
    return fingerprint([workload.spec, job.name, job.when, job.image.pin, job.config])


def _config(service: Service, job: Job) -> JsonObject:
    left_out = _OF_SERVICES
    if job.image.pin != service.image.pin:
        left_out |= _OF_IMAGES
    kept = {key: value for key, value in service.config.items() if key not in left_out}
    # the image may bring a check along
    return {**kept, "Healthcheck": {"Test": ["NONE"]}, **job.config}


def _host_config(service: Service) -> JsonObject:
    kept: dict[str, Json] = {
        key: value for key, value in service.host_config.items() if key not in _OF_PORTS
    }
    return {**kept, "RestartPolicy": {"Name": "no"}}


def _plain(attachment: Attachment) -> Attachment:
    """The same network, without what only one container at a time can have."""
    return Attachment(
        network=attachment.network,
        driver_opts=attachment.driver_opts,
        priority=attachment.priority,
    )
