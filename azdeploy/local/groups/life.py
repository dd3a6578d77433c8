"""One start of a container group: init containers one after the other, then all containers, until it is ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from azdeploy.definitions.container_group import Container, ContainerGroup, InitContainer, RestartPolicy
from azdeploy.local.clock import Clock
from azdeploy.local.groups.probes import Prober, Subject
from azdeploy.local.groups.states import EventLog, group_state
from azdeploy.local.groups.supervisor import Supervisor, Task
from azdeploy.local.runtime import Image, Sandbox
from azdeploy.local.wire import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a life needs: the group, its images by name, its sandbox, and the events of its containers by name."""

    group: ContainerGroup
    images: Mapping[str, Image]
    sandbox: Sandbox
    clock: Clock
    events: Callable[[str], EventLog]


class Life:
    """The containers of a group from one start to one end. ``on_end`` is called once all of them ended for good."""

    def __init__(self, setting: Setting, on_end: Callable[[], None] = lambda: None) -> None:
        policy = setting.group.restart_policy
        # An init container is done when it ended well; there is no sense in starting it again then.
        retry = RestartPolicy.NEVER if policy is RestartPolicy.NEVER else RestartPolicy.ON_FAILURE
        self._setting = setting
        self._on_end = on_end
        self._stopping = threading.Event()
        self.init = [self._supervisor(one, retry) for one in setting.group.init_containers]
        self.containers = [self._supervisor(one, policy) for one in setting.group.containers]
        self._probers = list(self._make_probers())

    def start(self) -> None:
        """Run the init containers, then start all others; returns when these run, or an init container gave up.

        A crash is no reason to fail: it shows in the containers' states.
        """
        for one in (*self.init, *self.containers):
            one.pull()
        for one in self.init:
            one.start()
            one.over.wait()
            if self._stopping.is_set() or one.state.exit_code != 0:
                return
        for one in self.containers:
            if not self._stopping.is_set():
                one.start()
        for prober in self._probers:
            prober.start()

    def stop(self, grace: float, message: Callable[[str], str] = lambda _: "") -> None:
        """End all containers at once and give each that many seconds to end by itself."""
        self._stopping.set()
        for prober in self._probers:
            prober.stop()
        enders = [
            threading.Thread(target=one.stop, args=(grace, message(one.name)), daemon=True)
            for one in (*self.init, *self.containers)
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def close(self) -> None:
        """Give back what the group had on this machine."""
        self._setting.sandbox.close()

    @property
    def state(self) -> str:
        """The group's state, in Azure's words; a container that is about to start again counts as running."""
        failed = [one.state for one in self.init if one.over.is_set() and one.state.exit_code]
        if failed:
            return group_state(failed)
        if all(one.over.is_set() for one in self.containers):
            return group_state(one.state for one in self.containers)
        return "Running"

    @property
    def has_ended(self) -> bool:
        """Whether every container ended for good."""
        return self.state != "Running"

    def find(self, name: str) -> Supervisor | None:
        """Return the container of that name, whatever the case; None where the group has none."""
        return next((one for one in (*self.containers, *self.init) if one.name.lower() == name.lower()), None)

    def views(self) -> Mapping[str, Json]:
        """Return the instance views of all containers by name."""
        return {one.name: one.view() for one in (*self.init, *self.containers)}

    def logs(self) -> Mapping[str, str]:
        """Return what every container wrote, by name."""
        return {one.name: one.logs() for one in (*self.init, *self.containers)}

    def _supervisor(self, container: Container | InitContainer, policy: RestartPolicy) -> Supervisor:
        task = Task(
            container=container,
            image=self._setting.images[str(container.image)],
            policy=policy,
            sandbox=self._setting.sandbox,
            clock=self._setting.clock,
            events=self._setting.events(container.name),
        )
        return Supervisor(task, self._one_ended)

    def _one_ended(self) -> None:
        if not self._stopping.is_set() and self.has_ended:
            self._on_end()

    def _make_probers(self) -> Sequence[Prober]:
        pairs = zip(self._setting.group.containers, self.containers, strict=True)
        return [
            Prober(
                Subject(
                    probe=container.liveness_probe,
                    address=self._setting.sandbox.address,
                    clock=self._setting.clock,
                    current=one.live,
                    kill=one.kill,
                )
            )
            for container, one in pairs
            if container.liveness_probe is not None
        ]
