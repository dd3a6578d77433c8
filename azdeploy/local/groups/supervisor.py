"""Keeps one container going: starts it, notes how it ended, and starts it again as its restart policy says.

As the kubelet beneath Azure does it: the first restart is immediate, the following ones wait 10, 20, 40 … 300 seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from azdeploy.definitions.container_group import Container, InitContainer, RestartPolicy
from azdeploy.local.clock import Clock
from azdeploy.local.groups.states import (
    RUNS_WELL_AFTER,
    STOPPED_BY_CLIENT,
    WAITING,
    ContainerState,
    EventLog,
    back_off,
    backing_off,
    exited,
    running,
    starts_again,
    stopped,
)
from azdeploy.local.runtime import ContainerNotStartedError, Image, RunningContainer, Sandbox
from azdeploy.local.wire import Json

NOT_STARTED = 128  # what a container runtime reports for a command that could not be started


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a supervisor keeps going, and where."""

    container: Container | InitContainer
    image: Image
    policy: RestartPolicy
    sandbox: Sandbox
    clock: Clock
    events: EventLog


class Supervisor:
    """One container from its first start to its last end; ``on_end`` is called when nothing more will happen."""

    def __init__(self, task: Task, on_end: Callable[[], None] = lambda: None) -> None:
        self.name = task.container.name
        self.task = task
        self.state: ContainerState = WAITING
        self.previous: ContainerState | None = None
        self.restarts = 0
        self.running: RunningContainer | None = None
        self.over = threading.Event()
        self._failed_to_start = ""
        self._crashes = 0
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # held while a container is being started; never while one is looked at
        self._on_end = on_end
        self._thread = threading.Thread(target=self._keep_going, name=f"container {self.name}", daemon=True)

    def pull(self) -> None:
        """Note that the image was fetched; it is there already, or the group would not exist."""
        name = f"{_repository(self.task.image.name)}@{self.task.image.digest}"
        now = self.task.clock.now()
        self.task.events.add("Pulling", f'pulling image "{name}"', now)
        self.task.events.add("Pulled", f'Successfully pulled image "{name}"', now)

    def start(self) -> None:
        """Start the container for the first time, and watch it in the background from then on."""
        self._begin()
        self._thread.start()

    def stop(self, grace: float, message: str = "") -> None:
        """End the container for good; ``message`` is its Killing event's, in place of the usual one with its id."""
        self._stopping.set()
        with self._starting:
            last = self.running
            was_live = self.state.state != "Terminated"
        if was_live and last is not None:
            last.stop(grace)
            self.task.events.add("Killing", message or f"Killing container with id {last.id}.", self.task.clock.now())
        if self._thread.is_alive():
            self._thread.join()
        if was_live:
            self._become(stopped(self.state, self.task.clock.now()))
        self.over.set()

    def kill(self, reason: str) -> None:
        """End the current start because it is not well; the restart policy decides what comes next."""
        last = self.running
        if last is not None:
            self.task.events.add("Unhealthy", reason, self.task.clock.now(), "Warning")
            last.stop(0)

    def live(self) -> RunningContainer | None:
        """Return the current start, None while there is none."""
        return self.running if self.state.state == "Running" else None

    def logs(self) -> str:
        """Return what the current or the last start wrote, or why there was no start."""
        last = self.running
        return self._failed_to_start or ("" if last is None else last.logs())

    def view(self) -> Json:
        """Return the instance view of the container."""
        told: Json = {"restartCount": self.restarts, "currentState": self.state.body()}
        if self.previous is not None:
            told["previousState"] = self.previous.body()
        events = self.task.events.bodies()
        return {**told, "events": events} if events else told

    def _keep_going(self) -> None:
        while self._await_end():
            self._pause()
            if self._stopping.is_set():
                break
            self.restarts += 1
            self.pull()
            self._begin()
        self.over.set()
        self._on_end()

    def _begin(self) -> None:
        with self._starting:
            if self._stopping.is_set():
                return
            self._failed_to_start = ""
            try:
                self.running = self.task.sandbox.run(self.task.container, self.task.image)
            except ContainerNotStartedError as error:
                self._not_started(str(error))
                return
            now = self.task.clock.now()
            self.task.events.add("Started", "Started container", now)
            self._become(running(now))

    def _not_started(self, why: str) -> None:
        self.running = None
        self._failed_to_start = f"{why}\n"
        now = self.task.clock.now()
        self.task.events.add("Failed", f"Error: Failed to start container {self.name}: {why}", now, "Warning")
        self._become(exited(now, NOT_STARTED, now))

    def _await_end(self) -> bool:
        """Wait for the end of the current start; True when there is to be another one."""
        current = self.running
        code = NOT_STARTED if current is None else current.wait()
        if self._stopping.is_set() or code is None:
            return False
        now = self.task.clock.now()
        began = self.state.started
        if current is not None:
            self._become(exited(began, code, now))
        ran_well = began is not None and (now - began).total_seconds() >= RUNS_WELL_AFTER
        self._crashes = 1 if ran_well else self._crashes + 1
        return starts_again(self.task.policy, code)

    def _pause(self) -> None:
        seconds = back_off(self._crashes)
        if not seconds:
            return
        now = self.task.clock.now()
        self.task.events.add("BackOff", "Back-off restarting failed container", now, "Warning")
        self._become(backing_off(seconds))
        self.task.clock.wait(self._stopping, seconds)

    def _become(self, state: ContainerState) -> None:
        """Take on a state; the previous one that is told is a crash, or what a stopped container was doing."""
        if self.state.state == "Terminated" or (state.detail == STOPPED_BY_CLIENT and self.state is not WAITING):
            self.previous = self.state
        self.state = state


def _repository(image: str) -> str:
    """Return an image's name without tag and digest, as it stands before the digest in Azure's events."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
