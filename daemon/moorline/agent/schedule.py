"""Run the steps of a plan, each as soon as the steps that it needs are done.

Nothing here knows what a step does. The first failure stops new steps; those under way are waited
for, since an engine call that was sent goes on without its caller.
"""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from moorline.core.actions import Action, Plan

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
    needs = {number: set(step.after) for number, step in enumerate(plan.steps)}
    failure: BaseException | None = None
    running: dict[Future[None], int] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="step") as pool:
        while needs or running:
            if failure is None:
                failure = _raised_by(check)
            if failure is None:
                for number in [each for each, open_needs in needs.items() if not open_needs]:
                    del needs[number]
                    running[pool.submit(perform, plan.steps[number].action)] = number
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                done = running.pop(future)
                failure = failure or future.exception()
                for open_needs in needs.values():
                    open_needs.discard(done)
    if failure is not None:
        raise failure


def _raised_by(check: Callable[[], None]) -> Exception | None:
    try:
        check()
    except Exception as error:  # noqa: BLE001  (handed on once the running steps have ended)
        return error
    return None
