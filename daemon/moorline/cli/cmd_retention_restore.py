"""`moorline retention restore DIGEST`."""

import click

from moorline.agent.retention.restore import restore
from moorline.cli.context import Ports, pass_ports, read_config
from moorline.cli.offices import offices_of
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, say
from moorline.core.image import Digest
from moorline.errors import UsageError

__all__ = ["command"]


@click.command("restore")
@click.argument("digest", metavar="DIGEST")
@json_option
@pass_ports
def command(ports: Ports, digest: str) -> int:
    """Bring a version back that retention deleted on this host, with what went along with it.

    GitHub keeps deleted versions for 30 days. Elsewhere the manifest is put again, byte for byte,
    which works until the registry's own garbage collection has removed the layers.

    Exit code: 0 it is there again, 1 error, 2 usage.
    """
    try:
        wanted = Digest(digest)
    except ValueError as error:
        mend = "'moorline retention history' and the records on history/retention have them"
        raise UsageError(str(error), mend=mend) from None
    with offices_of(read_config(), ports) as offices:
        sentence = restore(offices, wanted)
    if wants("json"):
        emit({"digest": str(wanted), "sentence": sentence})
    else:
        say(sentence)
    return 0
