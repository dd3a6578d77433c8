"""One container group: what PUT, start, stop, restart and DELETE do to it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from azdeploy.arm.codec import FaultyBodyError
from azdeploy.arm.container_group import CODEC
from azdeploy.definitions.container_group import ContainerGroup
from azdeploy.errors import LocalError
from azdeploy.local.groups.life import Life, Setting
from azdeploy.local.groups.log_text import Stamps
from azdeploy.local.groups.record import TYPE, Record, Status
from azdeploy.local.groups.shape import without_secrets
from azdeploy.local.groups.states import EventLog
from azdeploy.local.groups.view import Moment, shown
from azdeploy.local.latency import Step
from azdeploy.local.machine import Machine
from azdeploy.local.operations import Operation
from azdeploy.local.runtime import ContainerNotStartedError, Image, ImageNotAccessibleError
from azdeploy.local.wire import Json, Refusal, bad_content

_log = logging.getLogger("azdeploy.local")

GRACE = 2.0  # seconds that containers get to end by themselves


@dataclass(frozen=True, slots=True)
class Keeper:
    """Whom a group tells of itself: ``keep`` when it changed, ``place`` when it needs an address (of a record)."""

    keep: Callable[[Record], None]
    place: Callable[[Record], str]


class Group:
    """A container group and its current life, if it has one.

    Its lock is held while the keeper is told of changes, so that these arrive in their order; hence the keeper must
    never ask anything of a group that takes this lock while it holds what ``keep`` and ``place`` wait for.
    """

    def __init__(self, record: Record, machine: Machine, keeper: Keeper) -> None:
        self.record = record
        self.provisioning = "Pending"
        self._machine = machine
        self._keeper = keeper
        self._life: Life | None = None
        self._events: dict[str, EventLog] = {}
        self._own_events = EventLog()
        self._stamps: dict[str, Stamps] = {}
        self._lock = threading.RLock()
        self._in_transition = False
        self._cancelled = threading.Event()
        self._worker: threading.Thread | None = None

    # What is asked of it

    def create(self) -> Operation:
        """Start the containers for the first time, in the background."""
        subnet = bool(self.record.body["properties"].get("subnetIds"))
        return self._begin("Pending", Step.CREATE_GROUP_IN_SUBNET if subnet else Step.CREATE_GROUP, self._open)

    def restore(self) -> Operation:
        """Start the containers again after the endpoint's own restart, in the background and without Azure's delays."""
        return self._begin("Pending", None, self._revive)

    def update(self, change: Callable[[Record], Record]) -> Operation:
        """Change the record, its body above all, and start all containers anew, in the background."""
        with self._lock:
            self._refuse_in_transition()
            self.record = replace(change(self.record), status=Status.RUNNING)
            return self._begin("Updating", Step.CREATE_GROUP, lambda: self._reopen(""))

    def restart(self) -> Operation:
        """Start all containers anew, in the background; the group may get another address."""
        return self._begin("Updating", Step.RESTART_GROUP, lambda: self._reopen(self._new_address()))

    def start(self) -> Operation | None:
        """Start the containers of a stopped group, in the background; None where they run already."""
        with self._lock:
            if self._life is not None and not self._life.has_ended:
                return None
            return self._begin("Updating", Step.RESTART_GROUP, lambda: self._reopen(self._new_address()))

    def stop(self) -> None:
        """Stop all containers; returns when they have ended."""
        with self._lock:
            self._refuse_in_transition()
            self._in_transition = True
        try:
            self._end_life("")
            if self.record.status is not Status.ENDED:
                self._change(status=Status.STOPPED, state="Stopped")
        finally:
            self._in_transition = False

    def tag(self, tags: Mapping[str, str]) -> None:
        """Replace the tags; nothing is restarted."""
        with self._lock:
            self._change(body=self.record.body | {"tags": dict(tags)})

    def end(self) -> None:
        """Stop everything and let go of the machine, whatever is under way; the record stays as it is."""
        self._cancelled.set()
        life, worker = self._life, self._worker
        if life is not None:
            life.stop(GRACE)
        if worker is not None:
            worker.join()
        with self._lock:
            life, self._life = self._life, None
        if life is not None:
            life.stop(GRACE)
            life.close()

    # What it shows

    def body(self, api_version: str = "", *, listed: bool = False) -> Json:
        """Return the group as Azure answers it."""
        return shown(self.record, self._moment(), api_version=api_version, listed=listed)

    def exported(self) -> Json:
        """Return the group as a resource of a template, without secrets."""
        public = without_secrets(self.record.body)
        about = {"type": TYPE, "apiVersion": CODEC.api_version, "name": self.record.place.name}
        return about | {name: value for name, value in public.items() if name != "identity"}

    @property
    def has_moved(self) -> bool:
        """Whether the runtime is another one than the group ran with last."""
        return self.record.runtime not in ("", self._machine.runtime.name)

    @property
    def is_terminated(self) -> bool:
        """Whether all containers ended for good by themselves; Azure does not update such a group."""
        return self.record.status is Status.ENDED

    def life(self) -> Life | None:
        """Return the current life, None while nothing runs."""
        return self._life

    def logs(self, container: str) -> str:
        """Return what a container wrote since its start; Refusal where the group has no such container."""
        name = self.container_name(container)
        running = self._life.find(name) if self._life is not None else None
        return running.logs() if running is not None else self.record.logs.get(name, "")

    def stamped_logs(self, container: str) -> str:
        """Return what a container wrote since its start, with the time before each line."""
        name = self.container_name(container)
        running = self._life.find(name) if self._life is not None else None
        start = running.running.id if running is not None and running.running is not None else ""
        with self._lock:
            stamps = self._stamps.setdefault(name, Stamps())
            return stamps.apply(self.logs(name), self._machine.clock.now(), start)

    def container_name(self, name: str) -> str:
        """Return a container's name as its creator wrote it; Refusal where the group has none of that name."""
        properties = self.record.body["properties"]
        for one in (*properties["containers"], *properties.get("initContainers", [])):
            if one["name"].lower() == name.lower():
                return str(one["name"])
        message = f"The container '{name}' in container group '{self.record.place.name}' does not exist."
        raise Refusal(404, "ContainerNotFound", message)

    def require_deployed(self, container: str) -> None:
        """Let exec and attach pass; Refusal 409 where the group has not been started yet, or is stopped.

        For a container that ended by itself Azure was recorded to promise a session all the same.
        """
        place, life = self.record.place, self._life
        running = life.find(container) if life is not None else None
        if running is not None and running.live() is not None:
            return
        if self.provisioning == "Pending":
            told = f"The deployment of container group '{place.name}' is not ready yet, please retry later."
            raise Refusal(409, "ContainerGroupDeploymentNotReady", told)
        if self.record.status is Status.STOPPED:
            told = f"Container Group '{place.name}' in resource group '{place.resource_group}' is stopped."
            raise Refusal(409, "ContainerGroupStopped", told)

    def events(self) -> list[Json]:
        """Return the events of all containers, as operations tell them."""
        with self._lock:
            return [event for log in self._events.values() for event in log.bodies()]

    # How it is done

    def _moment(self) -> Moment:
        with self._lock:
            life, record, told = self._life, self.record, self.provisioning
            events = self._own_events.bodies()
            if life is None:
                state = "Pending" if told == "Pending" else record.state
                return Moment(provisioning=told, state=state, views=record.views or None, events=events)
            if told == "Pending":
                waiting = bool(life.init)
                return Moment(provisioning=told, state=told, views=life.views() if waiting else None, events=events)
            return Moment(provisioning=told, state=life.state, views=life.views(), events=events)

    def _refuse_in_transition(self) -> None:
        if self._in_transition:
            name = self.record.place.name
            message = f"The container group '{name}' is still transitioning, please retry later."
            raise Refusal(409, "ContainerGroupTransitioning", message)

    def _begin(self, provisioning: str, step: Step | None, work: Callable[[], None]) -> Operation:
        with self._lock:
            self._refuse_in_transition()
            self._in_transition = True
            self.provisioning = provisioning
            self._own_events = EventLog()
            operation = self._machine.operations.begin(self.record.place.id, self.events)
            name = f"group {self.record.place.name}"
            self._worker = threading.Thread(
                target=self._carry_out, args=(operation, step, work), name=name, daemon=True
            )
            self._worker.start()
            return operation

    def _carry_out(self, operation: Operation, step: Step | None, work: Callable[[], None]) -> None:
        failure = Refusal(500, "InternalServerError", "The endpoint could not do that; its log says why.")
        error: Refusal | None = failure
        try:
            if self._cancelled.is_set() if step is None else self._machine.take_time(step, self._cancelled):
                error = Refusal(409, "OperationCancelled", "The container group was deleted meanwhile.")
                return
            work()
            error = None
        except Refusal as refusal:
            error = refusal
        except (ContainerNotStartedError, ImageNotAccessibleError, LocalError, OSError) as trouble:
            error = Refusal(500, "ContainerGroupDeploymentFailed", str(trouble))
        finally:
            with self._lock:
                self.provisioning = "Failed" if error else "Succeeded"
                self._in_transition = False
                if error:
                    self.record = replace(self.record, state="Failed")
                    self._own_events.add("Failed", error.message, self._machine.clock.now(), "Warning")
            self._note_end()
            operation.end(error)

    def _revive(self) -> None:
        try:
            if refusals := self._machine.runtime.refusals(definition_of(self.record)):
                raise Refusal(400, "NotSupportedOnThisMachine", " ".join(refusals))  # noqa: TRY301 - told like the others
            self._open()
        except (Refusal, ContainerNotStartedError, ImageNotAccessibleError, LocalError, OSError) as trouble:
            raise self._not_back(trouble) from trouble

    def _not_back(self, trouble: Exception) -> Refusal:
        """Say, and log, that the group is not started again, and how it could be."""
        place, name = self.record.place, self._machine.runtime.name
        told = f"The container group '{place.name}' in resource group '{place.resource_group}' does not come back: "
        if self.has_moved:
            told += f"it ran with the runtime '{self.record.runtime}', and with '{name}' it cannot be started. "
        _log.warning("%s%s", told, trouble)
        return Refusal(500, "ContainerGroupDeploymentFailed", f"{told}{trouble}")

    def _open(self) -> None:
        record = self.record
        group = definition_of(record)
        images = find_images(self._machine, group)
        address = self._keeper.place(record) if self.has_moved else record.address  # each runtime has its own
        sandbox = self._machine.runtime.open(record.key, group, address)
        setting = Setting(
            group=group, images=images, sandbox=sandbox, clock=self._machine.clock, events=self._events_of
        )
        life = Life(setting, self._note_end)
        with self._lock:
            self._life = life
        about = {"address": sandbox.address, "runtime": self._machine.runtime.name}
        self._change(**about, status=Status.RUNNING, state="Running", views={}, logs={})
        if not self._cancelled.is_set():
            life.start()

    def _reopen(self, address: str) -> None:
        self._end_life(address and "Killing container {name} (platform initiated).")
        if address:
            self._change(address=address)
        self._open()

    def _new_address(self) -> str:
        keeps = self._machine.settings.keep_addresses
        return self.record.address if keeps else self._keeper.place(self.record)

    def _end_life(self, message: str) -> None:
        """End the current life and remember what its containers showed last."""
        life = self._life
        if life is None:
            return
        life.stop(GRACE, lambda name: message.format(name=name))
        self._change(views=dict(life.views()), logs=dict(life.logs()))
        with self._lock:
            self._life = None
        life.close()

    def _note_end(self) -> None:
        """Remember that every container ended for good, once nothing is under way any more."""
        with self._lock:
            life = self._life
            if life is None or self._in_transition or not life.has_ended or self.is_terminated:
                return
            views, logs = dict(life.views()), dict(life.logs())
            self._change(status=Status.ENDED, state=life.state, views=views, logs=logs)

    def _events_of(self, container: str) -> EventLog:
        with self._lock:
            return self._events.setdefault(container, EventLog())

    def _change(self, **values: Any) -> None:
        """Put values into the record and have it kept; both in one go, so that no change undoes another."""
        with self._lock:
            self.record = replace(self.record, **values)
            self._keeper.keep(self.record)


def definition_of(record: Record) -> ContainerGroup:
    """Return the definition that a record's body describes; Refusal where it cannot be one."""
    try:
        return CODEC.decode(record.body, record.place.name)
    except FaultyBodyError as error:
        message = f"The request content was invalid and could not be deserialized: '{error.problem}'."
        raise bad_content(message) from error


def find_images(machine: Machine, group: ContainerGroup) -> Mapping[str, Image]:
    """Return the images of a group by name; Refusal 400 InaccessibleImage for what the runtime cannot get."""
    images: dict[str, Image] = {}
    faults: list[Json] = []
    wanted = [str(one.image) for one in group.init_containers] + [str(one.image) for one in group.containers]
    for name in dict.fromkeys(wanted):
        try:
            images[name] = machine.runtime.image(name)
        except ImageNotAccessibleError as error:
            told = f"The image '{name}' in container group '{group.name}' is not accessible."
            message = f"{told} Please check the image and registry credential. {error}"
            faults.append({"code": "InaccessibleImage", "message": message})
    match faults:
        case []:
            return images
        case [fault]:
            raise Refusal(400, fault["code"], fault["message"])
        case _:
            told = "Multiple error occurred: " + " ".join(fault["message"] for fault in faults)
            raise Refusal(400, "MultipleErrorsOccurred", told, details=faults)
