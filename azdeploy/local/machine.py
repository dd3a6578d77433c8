"""What everything in the endpoint works with: the runtime, time, the operations under way and the user's choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from azdeploy.local.clock import Clock
from azdeploy.local.latency import Step, seconds
from azdeploy.local.operations import Operations
from azdeploy.local.options import Latency, Options, Settings
from azdeploy.local.runtime import Runtime

_HOLD = 0.3  # seconds that a first poll may wait for a quick operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine, as far as resources need it."""

    runtime: Runtime
    clock: Clock
    operations: Operations
    settings: Settings = field(default_factory=lambda: Options().settings)

    def take_time(self, step: Step, until: Event) -> bool:
        """Let a step take as long as the user wants it to; True when ``until`` happened meanwhile."""
        wait = seconds(step, self.settings.latency)
        return self.clock.wait(until, wait) if wait else until.is_set()

    @property
    def hold(self) -> float:
        """How many seconds a poll may be held for an operation that is about to end."""
        match self.settings.latency:
            case Latency.NONE:
                return _HOLD
            case Latency.RECORDED:
                return 0.0
