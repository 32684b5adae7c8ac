"""An environment file: bytes in, an `Environment` out, or everything that is wrong with it.

    bytes ──yamltree──► tree ──interpolation──► tree ──file, service, …──► Environment

Each arrow is pure. `keys` holds the table of what is supported and what is refused, and why.
"""

from collections.abc import Mapping
from contextlib import suppress

from moorline.core.compose.file import environment
from moorline.core.compose.interpolation import Variables, interpolate
from moorline.core.compose.keys import (
    REFUSED_KEYS,
    REFUSED_TOP_KEYS,
    SERVICE_KEYS,
    TOP_KEYS,
)
from moorline.core.compose.reader import Problems, TooManyProblems, Value
from moorline.core.compose.yamltree import Mark, ScalarNode, parse
from moorline.core.model import Environment
from moorline.errors import InvalidEnvironment

__all__ = ["REFUSED_KEYS", "REFUSED_TOP_KEYS", "SERVICE_KEYS", "TOP_KEYS", "load"]

_NOTHING = ScalarNode(Mark(1, 1), "", None, quoted=False)


def load(
    source: bytes, *, path: str, variables: Mapping[str, str], files: Mapping[str, bytes]
) -> Environment:
    """Read an environment file; raises InvalidEnvironment with every problem, in file order.

    `path` is where it stands in the repository; `variables` is what `${NAME}` may name; `files`
    holds what it may refer to, by normalised path in the repository or absolute path on the host,
    and may be lazy.
    """
    problems = Problems(path)
    result = None
    with suppress(TooManyProblems):
        result = _load(source, path, variables, files, problems)
    if problems or result is None:
        raise InvalidEnvironment(problems.in_order())
    return result


def _load(
    source: bytes,
    path: str,
    variables: Mapping[str, str],
    files: Mapping[str, bytes],
    problems: Problems,
) -> Environment | None:
    tree = parse(source, lambda mark, message: problems.add(mark, "", message))
    if tree is None and problems:
        return None
    known = Variables(variables)
    root = interpolate(tree or _NOTHING, known, problems)
    return environment(Value(root, "", problems), path, known, files)
