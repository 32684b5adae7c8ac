"""Every way in which moorline can refuse or fail, sorted by what helps.

MoorlineError               one line for a person: what, where, and the mend
├── Transient               try again by itself, with backoff; never a verdict on a version
│   ├── EngineUnreachable       the Docker Engine does not answer
│   ├── IngressUnreachable      the ingress does not answer
│   ├── RegistryUnreachable     the registry does not answer, or asks for patience
│   │   └── RateLimited             it says for how long
│   ├── RemoteUnreachable       the git remote does not answer
│   ├── Conflict                the world moved between looking and acting: look again
│   ├── Superseded              a newer commit asks for something else
│   └── Interrupted             the daemon was told to stop, and left off between two steps
├── Waiting                 nothing is wrong; there is more to do later, or when a person says so
└── Stalled                 needs a new commit or a person; trying again changes nothing
    ├── UsageError              a command was given something that it cannot take (exit 2)
    ├── InvalidConfig           the agent's own configuration (exit 2)
    ├── InvalidEnvironment      an environment file; carries every problem at once (exit 2)
    ├── AccessDenied            git, a registry or the engine's socket said no
    ├── NotFound                an image, commit, environment or service that is not there
    ├── EngineRefused           the engine understood a request and declined it
    ├── RegistryRefused         the registry understood a request and declined it
    ├── InvalidPolicy           policies/retention.yaml; carries every problem at once (exit 2)
    ├── Locked                  another moorline works on this host
    ├── StorageFailed           the state directory cannot be written
    └── Held                    moorline could act, and waits for a person (exit 4)
        ├── UnsafePlan              the guard refused a plan
        ├── UnsafeRetention         a policy would delete everything, or pins cannot be known
        ├── HistoryRewritten        the state branch is no longer a continuation
        ├── Quarantined             this very commit failed here before
        └── ForeignContainer        another tool's container stands in the way
"""

from dataclasses import dataclass

__all__ = [
    "AccessDenied",
    "Conflict",
    "EngineRefused",
    "EngineUnreachable",
    "ForeignContainer",
    "Held",
    "HistoryRewritten",
    "IngressUnreachable",
    "Interrupted",
    "InvalidConfig",
    "InvalidEnvironment",
    "InvalidPolicy",
    "Locked",
    "MoorlineError",
    "NotFound",
    "Problem",
    "Quarantined",
    "RateLimited",
    "RegistryRefused",
    "RegistryUnreachable",
    "RemoteUnreachable",
    "Stalled",
    "StorageFailed",
    "Superseded",
    "Transient",
    "UnsafePlan",
    "UnsafeRetention",
    "UsageError",
    "Waiting",
]


class MoorlineError(Exception):
    """The base; `exit_code` is what a command that ends on it returns."""

    exit_code = 1

    def __init__(self, message: str, *, mend: str = "") -> None:
        """`message` says what and where, `mend` what to do next (may be empty)."""
        super().__init__(f"{message}; {mend}" if mend else message)
        self.message = message
        self.mend = mend


class Transient(MoorlineError):
    """An error of the surroundings; it passes, and never condemns a version."""


class EngineUnreachable(Transient):
    """The Docker Engine does not answer."""


class IngressUnreachable(Transient):
    """The ingress does not answer."""


class RegistryUnreachable(Transient):
    """The registry does not answer, or asks for patience."""


class RateLimited(RegistryUnreachable):
    """The registry, or GitHub's API, asks for patience and says for how long."""

    def __init__(self, message: str, *, seconds: float, mend: str = "") -> None:
        """`seconds` from now on nothing should be asked there."""
        super().__init__(message, mend=mend)
        self.seconds = seconds


class RemoteUnreachable(Transient):
    """The git remote does not answer."""


class Conflict(Transient):
    """The world moved between looking and acting; look again and plan anew."""


class Superseded(Transient):
    """A newer commit asks for something else; what is under way is given up for it."""


class Interrupted(Transient):
    """The daemon was told to stop, and left off between two steps."""


class Waiting(MoorlineError):
    """Nothing is wrong: the rollout stays open and goes on later."""

    exit_code = 4

    def __init__(self, message: str, *, seconds: float, mend: str = "") -> None:
        """`seconds` is when to look again."""
        super().__init__(message, mend=mend)
        self.seconds = seconds


class Stalled(MoorlineError):
    """Only a new commit or a person can change the outcome."""


class UsageError(Stalled):
    """A command was given something that it cannot take."""

    exit_code = 2


class InvalidConfig(Stalled):
    """The agent's own configuration is not usable."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file. `line` and `column` count from 1; `key` is the dotted path."""

    path: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class InvalidEnvironment(Stalled):
    """An environment file that cannot be deployed; `problems` holds all of it, in file order."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class InvalidPolicy(Stalled):
    """A retention policy that cannot be followed; `problems` holds all of it, in file order."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class AccessDenied(Stalled):
    """Git, a registry or the engine's socket refused our credentials."""


class NotFound(Stalled):
    """An image, commit, environment or service that is not there."""


class EngineRefused(Stalled):
    """The engine understood the request and declined it."""


class RegistryRefused(Stalled):
    """The registry understood the request and declined it."""


class Locked(Stalled):
    """Another moorline process works on this host."""


class StorageFailed(Stalled):
    """The state directory cannot be written."""


class Held(Stalled):
    """Moorline could act, and waits for a person instead."""

    exit_code = 4


class UnsafePlan(Held):
    """The guard refused a plan."""


class UnsafeRetention(Held):
    """A retention run that would delete everything, or cannot know what is pinned."""


class HistoryRewritten(Held):
    """The state branch does not continue from the accepted commit."""


class Quarantined(Held):
    """This very commit failed here before."""


class ForeignContainer(Held):
    """A container of another tool occupies a service's place."""
