"""Run the steps of a plan, each as soon as the steps that it needs are done.

Nothing here knows what a step does. The first failure stops new steps; those under way are waited
for, since an engine call that was sent goes on without its caller. A step that raises `Waiting`
holds up only what comes after it: it is asked again as long as other steps run, and at the end
the plan waits with it.
"""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from moorline.core.actions import Action, Plan
from moorline.errors import Waiting

__all__ = ["run_plan"]

WORKERS = 8


def run_plan(
    plan: Plan,
    perform: Callable[[Action], None],
    *,
    check: Callable[[], None],
    workers: int = WORKERS,
) -> None:
    """Carry out every step; raises the first error. `check` raises to leave between steps."""
    with ThreadPoolExecutor(workers, thread_name_prefix="step") as pool:
        run = _Run(plan, lambda action: pool.submit(perform, action), check)
        while run.goes_on():
            pass
    run.end()


class _Run:
    """One plan being carried out."""

    def __init__(
        self,
        plan: Plan,
        submit: Callable[[Action], Future[None]],
        check: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._submit = submit
        self._check = check
        self._needs = {number: set(step.after) for number, step in enumerate(plan.steps)}
        self._running: dict[Future[None], int] = {}
        self._waiting: dict[int, Waiting] = {}
        self._failure: BaseException | None = None

    def goes_on(self) -> bool:
        """Start what can start and wait for news; False once nothing runs any more."""
        self._failure = self._failure or _raised_by(self._check)
        if self._failure is None:
            self._start()
        if not self._running:
            return False
        soon = min((each.seconds for each in self._waiting.values()), default=None)
        done = wait(self._running, timeout=soon, return_when=FIRST_COMPLETED).done
        for future in done:
            self._take(future)
        if not done:
            self._ask_again()
        return True

    def end(self) -> None:
        """Raise what is to be raised: a failure, or the wait that ends first."""
        if self._failure is not None:
            raise self._failure
        if self._waiting:
            raise min(self._waiting.values(), key=lambda each: each.seconds)

    def _start(self) -> None:
        for number in [each for each, needs in self._needs.items() if not needs]:
            del self._needs[number]
            self._running[self._submit(self._plan.steps[number].action)] = number

    def _take(self, future: Future[None]) -> None:
        number = self._running.pop(future)
        error = future.exception()
        if isinstance(error, Waiting):
            self._waiting[number] = error
            return
        self._failure = self._failure or error
        for needs in self._needs.values():
            needs.discard(number)

    def _ask_again(self) -> None:
        self._needs |= {number: set() for number in self._waiting}
        self._waiting.clear()


def _raised_by(check: Callable[[], None]) -> Exception | None:
    try:
        check()
    except Exception as error:  # noqa: BLE001  (handed on once the running steps have ended)
        return error
    return None
