"""Walk a plan: as parallel as its edges allow, and what fails takes nothing with it but what depends on it.

A handful of threads only compare and start operations. Everything else, the events too, happens in the thread that
calls ``apply``: it alone polls, waits, writes outputs and decides, so there is nothing to lock, and an interrupt leaves
all as it is.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from typing import TypeVar, assert_never

from azdeploy.definitions.stack import Definition, Stack, outputs_used
from azdeploy.errors import AzdeployError, Conflict, DeploymentFailed, NotFound, Throttled, TimedOut, Unreachable
from azdeploy.execution.events import Failed, Finished, Observer, Progressed, Retrying, Skipped, Started, ignore
from azdeploy.execution.retry import BUDGET, Clock, Passing, SystemClock, pause
from azdeploy.execution.target import Broken, Done, Operation, Pending, Target
from azdeploy.execution.threads import Threads
from azdeploy.execution.watch import Watcher
from azdeploy.execution.work import Work, steps
from azdeploy.planning import compare, graph
from azdeploy.planning.compare import Known
from azdeploy.planning.ownership import Salt
from azdeploy.planning.plan import Action, Change, Existing, Plan, State

T = TypeVar("T")
_SALT_BYTES = 16
LEFT = "started and left to itself"


def random_salt() -> bytes:
    """Return a new salt for a digest of secrets."""
    return secrets.token_bytes(_SALT_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a plan is walked.

    ``timeout`` is in seconds for the whole, None for no limit. Without ``wait`` what nothing else depends on is only
    started.
    """

    observer: Observer = ignore
    parallelism: int = 8
    timeout: float | None = None
    wait: bool = True
    clock: Clock = field(default_factory=SystemClock)
    new_salt: Salt = random_salt


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a deployment did: the changes really made, in the plan's order, and the outputs of each resource."""

    stack: str
    changes: tuple[Change, ...]
    outputs: Mapping[str, Mapping[str, str]]

    def __getitem__(self, resource: str) -> Mapping[str, str]:
        return self.outputs[resource]


def apply(plan: Plan, stack: Stack, target: Target, manner: Manner | None = None) -> Deployment:
    """Do what a plan of this stack says and return what was done.

    Each resource is resolved and compared again once the outputs that it needs are known, so a planned change may turn
    out to be none.

    Raises:
        DeploymentFailed: something failed; it holds the root causes, and what was skipped because of them.
        TimedOut: the time was over, and nothing else was wrong.
    """
    return _Walk(plan, stack, target, manner or Manner()).run()


class _Walk:
    """One walk over a plan."""

    def __init__(self, plan: Plan, stack: Stack, target: Target, manner: Manner) -> None:
        self._plan = plan
        self._stack = stack
        self._target = target
        self._manner = manner
        self._clock = manner.clock
        self._tell = manner.observer
        self._templates = {definition.name: definition for definition in stack.resources}
        self._planned = {change.name: change for change in plan.changes}
        self._needs = {name: plan.dependencies.get(name, frozenset()) & self._planned.keys() for name in self._planned}
        self._needed = frozenset[str]().union(*self._needs.values())
        self._sorter = TopologicalSorter({name: sorted(needs) for name, needs in self._needs.items()})
        self._threads = Threads(manner.parallelism, manner.clock)
        self._watcher = Watcher(target, plan.stack)
        self._open: dict[str, Work] = {}
        self._outputs: dict[str, Mapping[str, str]] = {}
        self._done: dict[str, Change] = {}
        self._causes: dict[str, AzdeployError] = {}
        self._skipped: dict[str, str] = {}

    def run(self) -> Deployment:
        timeout = self._manner.timeout
        deadline = math.inf if timeout is None else self._clock.monotonic() + timeout
        try:
            self._sorter.prepare()
            self._open_ready()
            while self._open and self._clock.monotonic() < deadline:
                self._threads.wait((deadline, *self._watcher.due()))
                self._look()
            self._give_up()
        finally:
            self._threads.close()
        return self._outcome()

    def _open_ready(self) -> None:
        ready = set(self._sorter.get_ready())
        for change in [change for name, change in self._planned.items() if name in ready]:
            template = self._templates.get(change.name)
            work = Work(change=change, template=template, before=change.before, began=self._clock.monotonic())
            self._open[work.name] = work
            if work.before and work.before.state is State.CHANGING and template and not self._is_left(work):
                self._watcher.add(work, None, work.began)
            else:
                self._compare(work)

    def _is_left(self, work: Work) -> bool:
        return not self._manner.wait and work.name not in self._needed

    def _compare(self, work: Work) -> None:
        if work.template is None:
            self._compared(work, work.change)
            return
        known = Known(stack=self._stack, new_salt=self._manner.new_salt, outputs=dict(self._outputs))
        self._start(work, partial(_compared, work.template, work.before, known), self._compared)

    def _compared(self, work: Work, change: Change) -> None:
        work.compared = True
        work.change = change
        work.exists = change.before
        work.steps = steps(change, self._target, self._plan.location)
        if work.steps:
            self._tell(Started(name=work.name, action=change.action))
        self._go_on(work)

    def _go_on(self, work: Work) -> None:
        if work.steps:
            self._start(work, work.steps.popleft(), self._started)
        else:
            self._finish(work)

    def _started(self, work: Work, begun: Operation | Existing) -> None:
        match begun:
            case Existing():
                work.exists = begun
                self._go_on(work)
            case Operation() if work.steps or not self._is_left(work):
                self._watcher.add(work, begun, self._clock.monotonic())
            case Operation():
                self._tell(Progressed(name=work.name, detail=LEFT, elapsed=self._elapsed(work)))
                self._close(work)
            case _:
                assert_never(begun)

    def _start(self, work: Work, call: Callable[[], T], then: Callable[[Work, T], None]) -> None:
        def over(future: Future[T]) -> None:
            try:
                result = future.result()
            except AzdeployError as error:
                self._try_again(work, error, lambda: self._start(work, call, then))
            else:
                work.tries, work.waited = 0, 0.0
                then(work, result)

        self._threads.run(call, over)

    def _try_again(self, work: Work, error: AzdeployError, call: Callable[[], None]) -> None:
        match error:
            case Throttled() | Conflict() if (due := self._patience(work, error)) is not None:
                self._threads.later(due, call)
            case _:
                self._fail(work, error)

    def _patience(self, work: Work, error: Passing) -> float | None:
        """Return when to try again, and tell of it; None when that was done for long enough."""
        work.tries += 1
        wait = pause(error, work.tries)
        work.waited += wait
        if work.waited > BUDGET:
            return None
        self._tell(Retrying(name=work.name, reason=error.message, wait=wait))
        return self._clock.monotonic() + wait

    def _look(self) -> None:
        for work, status in self._watcher.look(self._clock.monotonic()):
            match status:
                case Pending():
                    work.tries, work.waited, work.detail = 0, 0.0, status.detail
                    self._tell(Progressed(name=work.name, detail=status.detail, elapsed=self._elapsed(work)))
                case Done() if work.compared:
                    work.exists = status.existing
                    self._go_on(work)
                case Done():
                    work.before = status.existing
                    self._compare(work)
                case Broken():
                    self._fail(work, status.error)
                case _:
                    self._unanswered(work, status)

    def _unanswered(self, work: Work, error: AzdeployError) -> None:
        """Ask once more after an error that says nothing about the operation itself, which goes on meanwhile."""
        match error:
            case Throttled() | Conflict() | Unreachable() if (due := self._patience(work, error)) is not None:
                self._watcher.postpone(work, due)
            case _:
                self._fail(work, error)

    def _elapsed(self, work: Work) -> float:
        return self._clock.monotonic() - work.began

    def _finish(self, work: Work) -> None:
        outputs = work.exists.outputs if work.exists and work.change.action is not Action.DELETE else {}
        self._outputs[work.name] = outputs
        self._tell(Finished(name=work.name, change=work.change, elapsed=self._elapsed(work), outputs=outputs))
        self._close(work)

    def _close(self, work: Work) -> None:
        self._done[work.name] = work.change
        del self._open[work.name]
        self._sorter.done(work.name)
        self._open_ready()

    def _fail(self, work: Work, error: AzdeployError) -> None:
        self._causes[work.name] = error
        del self._open[work.name]
        self._watcher.drop(work)
        self._tell(Failed(name=work.name, error=error))
        lost = {work.name}
        for name in graph.order(self._needs):
            if name not in self._skipped and self._needs[name] & lost:
                lost.add(name)
                self._skipped[name] = work.name
                self._tell(Skipped(name=name, because=work.name))

    def _give_up(self) -> None:
        for work in list(self._open.values()):
            heard = f"; the last word was: {work.detail}" if work.detail else ""
            self._fail(work, TimedOut(f"not finished after {self._manner.timeout:g} seconds{heard}."))

    def _outcome(self) -> Deployment:
        causes = {name: self._causes[name] for name in self._planned if name in self._causes}
        if causes and all(isinstance(error, TimedOut) for error in causes.values()):
            told = "\n".join(f"{name}: {error}" for name, error in causes.items())
            raise TimedOut(told, hint="What was started goes on; deploy again with a longer timeout.")
        if causes:
            raise DeploymentFailed(causes, [name for name in self._planned if name in self._skipped])
        changes = tuple(self._done[name] for name in self._planned)
        return Deployment(stack=self._plan.stack, changes=changes, outputs=self._outputs)


def _compared(template: Definition, before: Existing | None, known: Known) -> Change:
    for output in outputs_used(template):
        if output.name not in known.outputs.get(output.resource, {}):
            raise NotFound(
                f"{output.resource} has no {output.name}, which {template.name} needs.",
                hint=f"Is {output.resource} stopped or at its end? Start it, then deploy again.",
            )
    return compare.change(template, before, known)
