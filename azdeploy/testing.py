"""Fakes for tests of provisioning scripts: a target in memory, a clock that never waits, an observer that records.

With pytest, ``pytest_plugins = ["azdeploy.testing"]`` in a conftest.py gives every test the fixture ``azure``, a new
InMemoryTarget.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from azdeploy.definitions.container_group import ContainerGroup, IpAddressType, Value, Volume
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import STACK_TAG, Definition
from azdeploy.errors import AzdeployError, Conflict, NotFound, Throttled
from azdeploy.execution.events import Event
from azdeploy.execution.target import Broken, Done, Operation, Pending, Released, Status, Verb
from azdeploy.planning.plan import Existing, State

if TYPE_CHECKING:
    import pytest

E = TypeVar("E")


class VirtualClock:
    """A clock on which time passes only by sleeping, and at once; ``slept`` holds every wait in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the virtual time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.slept.append(seconds)
        self.now += seconds


class RecordingObserver:
    """An observer that keeps every event, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class InMemoryTarget:
    """A target that keeps container groups in memory and behaves as Azure does, as far as deployments can tell.

    Operations take ``latency`` polls. Secrets are never returned. ``requests`` holds all that changes something, as
    texts such as ``put socket-server``, ``sent`` the last definition put of each name; ``reads`` counts the rest.
    """

    def __init__(self, latency: int = 1) -> None:
        self.latency = latency
        self.requests: list[str] = []
        self.reads = 0
        self.sent: dict[str, Definition] = {}
        self._place: str | None = None
        self._groups: dict[str, Existing] = {}
        self._polls: dict[str, int] = {}
        self._latencies: dict[str, int] = {}
        self._refusals: defaultdict[str, deque[AzdeployError]] = defaultdict(deque)
        self._failures: dict[str, AzdeployError] = {}
        self._numbers = count(1)
        self._lock = Lock()

    # What a test arranges.

    def add(self, existing: Existing) -> None:
        """Let a resource exist that no deployment made, such as somebody else's."""
        self._groups[existing.name] = existing

    def slow(self, name: str, polls: int) -> None:
        """Let operations on a resource take that many polls."""
        self._latencies[name] = polls

    def fail(self, name: str, error: AzdeployError) -> None:
        """Let the next operation on a resource end badly."""
        self._failures[name] = error

    def refuse(self, name: str, *errors: AzdeployError) -> None:
        """Answer the next requests that change a resource with these errors, one each."""
        self._refusals[name].extend(errors)

    def conflict(self, name: str, times: int = 1) -> None:
        """Let a resource be busy for the next requests that change it."""
        told = f"The container group '{name}' is still transitioning, please retry later."
        self.refuse(name, *(Conflict(told, code="ContainerGroupTransitioning", status=409) for _ in range(times)))

    def throttle(self, name: str, retry_after: float, times: int = 1) -> None:
        """Answer the next requests that change a resource with: too many, come back after that many seconds."""
        errors = (Throttled("Too many requests.", retry_after=retry_after) for _ in range(times))
        self.refuse(name, *errors)

    def move(self, name: str, ip: str) -> None:
        """Give a resource another address, as a restart may."""
        found = self._groups[name]
        self._groups[name] = replace(found, outputs={**found.outputs, "ip": ip})

    def change(self, name: str, state: State) -> None:
        """Let a resource be in another state."""
        self._groups[name] = replace(self._groups[name], state=state)

    # What a deployment asks.

    def existing(self, stack: str, names: Collection[str] = ()) -> Mapping[str, Existing]:
        """Return by name what carries the stack's tag, and whatever else has one of these names."""
        with self._lock:
            self.reads += 1
            return {name: one for name, one in sorted(self._groups.items()) if one.stack == stack or name in names}

    def prepare(self, stack: str, location: str) -> None:
        """Make the place of a stack when it is missing."""
        with self._lock:
            if self._place is None:
                self._place = stack
                self.requests.append(f"prepare {stack} in {location}")

    def put(self, definition: Definition, location: str) -> Operation:
        """Start creating or updating a resource."""
        with self._request("put", definition.name):
            self.sent[definition.name] = definition
            former = self._groups.get(definition.name)
            placed = replace(definition, location=definition.location or location)
            self._groups[definition.name] = Existing(
                definition=_returned(placed),
                id=_id(definition.name),
                stack=definition.tags.get(STACK_TAG),
                state=State.CHANGING,
                outputs=former.outputs if former else {},
            )
            return self._operation(Verb.PUT, definition.name)

    def tag(self, definition: Definition) -> Existing:
        """Replace the tags of an existing resource and nothing else."""
        with self._request("tag", definition.name):
            found = self._groups.get(definition.name)
            if found is None:
                raise NotFound(f"There is no container group {definition.name}.", status=404)
            tagged = replace(found.definition, tags=definition.tags)
            self._groups[definition.name] = replace(found, definition=tagged, stack=definition.tags.get(STACK_TAG))
            return self._groups[definition.name]

    def delete(self, existing: Existing) -> Operation:
        """Start deleting a resource; one that is gone already is no error."""
        with self._request("delete", existing.name):
            return self._operation(Verb.DELETE, existing.name)

    def poll(self, operations: Collection[Operation]) -> Mapping[Operation, Status]:
        """Tell how these operations are doing."""
        with self._lock:
            self.reads += 1
            return {operation: self._status(operation) for operation in operations}

    def release(self, stack: str) -> Released:
        """Forget the place when it is empty, and tell what is left of the stack."""
        with self._lock:
            left = [one.id for _, one in sorted(self._groups.items()) if one.stack == stack]
            place = self._place or ""
            if self._groups:
                return Released(left=left, place=place, kept=f"it holds {', '.join(sorted(self._groups))}")
            if place:
                self.requests.append(f"release {place}")
                self._place = None
            return Released(place=place)

    @contextmanager
    def _request(self, verb: str, name: str) -> Iterator[None]:
        with self._lock:
            self.requests.append(f"{verb} {name}")
            if self._refusals[name]:
                raise self._refusals[name].popleft()
            yield

    def _operation(self, verb: Verb, name: str) -> Operation:
        operation = Operation(verb=verb, name=name, monitor=str(next(self._numbers)))
        self._polls[operation.monitor] = self._latencies.get(name, self.latency)
        return operation

    def _status(self, operation: Operation) -> Status:
        self._polls[operation.monitor] -= 1
        if self._polls[operation.monitor] >= 0:
            return Pending(detail="Pending" if operation.verb is Verb.PUT else "Deleting")
        if error := self._failures.pop(operation.name, None):
            return self._broken(operation.name, error)
        if operation.verb is Verb.DELETE:
            self._groups.pop(operation.name, None)
            return Done()
        self._groups[operation.name] = self._running(self._groups[operation.name])
        return Done(existing=self._groups[operation.name])

    def _broken(self, name: str, error: AzdeployError) -> Status:
        if name in self._groups:
            self.change(name, State.FAILED)
        return Broken(error=error)

    def _running(self, one: Existing) -> Existing:
        address = one.definition.ip_address
        if address is None:
            return replace(one, state=State.RUNNING, outputs={})
        number = next(self._numbers)
        network = "203.0" if address.type is IpAddressType.PUBLIC else "10.0"
        outputs = {"ip": one.outputs.get("ip") or f"{network}.{number // 256 % 256}.{number % 256}"}
        if address.ports:
            outputs["port"] = str(address.ports[0].port)
        if address.dns_name_label:
            outputs["fqdn"] = f"{address.dns_name_label}.{one.definition.location}.azurecontainer.io"
        return replace(one, state=State.RUNNING, outputs=outputs)


def _id(name: str) -> str:
    return f"/subscriptions/test/resourceGroups/test/providers/Microsoft.ContainerInstance/containerGroups/{name}"


def _returned(group: ContainerGroup) -> ContainerGroup:
    """Return a group as Azure returns it: of a secure variable the name, of all other secrets nothing."""
    log_analytics = group.log_analytics
    return replace(
        group,
        containers=[
            replace(one, environment_variables=_withheld(one.environment_variables)) for one in group.containers
        ],
        init_containers=[
            replace(one, environment_variables=_withheld(one.environment_variables)) for one in group.init_containers
        ],
        volumes=[_without_content(volume) for volume in group.volumes],
        image_registry_credentials=[replace(one, password=None) for one in group.image_registry_credentials],
        log_analytics=log_analytics and replace(log_analytics, workspace_key=None),
        extensions=[replace(one, protected_settings=None) for one in group.extensions],
    )


def _withheld(variables: Mapping[str, Value]) -> dict[str, Value]:
    return {name: Secret("") if isinstance(value, Secret) else value for name, value in variables.items()}


def _without_content(volume: Volume) -> Volume:
    share = volume.azure_file
    return replace(
        volume,
        secret=None if volume.secret is None else {},
        azure_file=share and replace(share, storage_account_key=None),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Give pytest the fixtures; only pytest calls this, so that nobody else needs it."""
    import pytest  # scripts may use the fakes without having pytest

    class Fixtures:
        @pytest.fixture
        def azure(self) -> InMemoryTarget:
            """Return an empty Azure in memory."""
            return InMemoryTarget()

    config.pluginmanager.register(Fixtures(), "azdeploy-fixtures")
