"""How operations on container groups are doing: what a group's JSON says of the operation that was started on it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from azdeploy.arm import container_group, faults, resource_id
from azdeploy.arm.crash import Crash, crash
from azdeploy.arm.groups import Groups
from azdeploy.arm.resource_id import ResourceId
from azdeploy.arm.shape import find
from azdeploy.arm.transport import Answer, Transport
from azdeploy.errors import AzdeployError, ContainerFailed, NotFound, OperationFailed
from azdeploy.execution.target import Broken, Done, Operation, Pending, Status, Verb
from azdeploy.planning.plan import State

_LAST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is needed to look after an operation: the group's id, and the URL that tells how the operation ended."""

    id: str
    url: str = ""

    def text(self) -> str:
        """Return it as an operation carries it."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(text: str) -> Monitor:
        """Return what ``text()`` was made of."""
        return Monitor(**json.loads(text))


class Progress:
    """Looks after the operations in flight. Every method raises only errors of azdeploy.errors."""

    def __init__(self, groups: Groups, transport: Transport) -> None:
        self._groups = groups
        self._transport = transport

    def poll(self, operations: Collection[Operation]) -> dict[Operation, Status]:
        """Tell how they are doing: one list serves all of a resource group, and what has ended is looked at itself."""
        scopes: dict[ResourceId, list[Operation]] = defaultdict(list)
        for operation in operations:
            scopes[resource_id.parse(Monitor.read(operation.monitor).id).group].append(operation)
        statuses: dict[Operation, Status] = {}
        for scope, inside in scopes.items():
            statuses |= self._listed(scope, inside) if len(inside) > 1 else {inside[0]: self._look(inside[0])}
        return statuses

    def failure(self, body: Mapping[str, Any]) -> ContainerFailed | None:
        """Return the failure of a group's first failed container, with its last lines; None where all is well."""
        found = crash(body)
        return None if found is None else self._container_failed(resource_id.parse(body["id"]), found)

    def _listed(self, scope: ResourceId, operations: list[Operation]) -> dict[Operation, Status]:
        answer = self._groups.list(scope.resource_group)
        bodies = {str(find(body, "name")).lower(): body for body in answer.body}
        return {
            operation: self._status(operation, bodies.get(operation.name.lower()), answer.retry_after)
            for operation in operations
        }

    def _status(self, operation: Operation, body: Mapping[str, Any] | None, retry_after: float | None) -> Status:
        """Judge by an item of a list: it lacks the instance view, and may be missing right after a creation."""
        if body is None:
            return Done() if operation.verb is Verb.DELETE else self._look(operation)
        if operation.verb is Verb.DELETE or container_group.CODEC.state(body) is State.CHANGING:
            return Pending(detail=_provisioning(body), retry_after=retry_after)
        return self._look(operation)

    def _look(self, operation: Operation) -> Status:
        monitor = Monitor.read(operation.monitor)
        try:
            answer = self._groups.get(resource_id.parse(monitor.id))
        except NotFound:
            if operation.verb is Verb.DELETE:
                return Done()
            return Broken(
                error=OperationFailed(f"{operation.name} was deleted while it was being made.", code="NotFound")
            )
        if operation.verb is Verb.DELETE:
            return Pending(detail=_provisioning(answer.body), retry_after=answer.retry_after)
        return self._judged(monitor, answer)

    def _judged(self, monitor: Monitor, answer: Answer) -> Status:
        """Judge a group that was put; while it changes, its instance view may still be of its former containers."""
        match container_group.CODEC.state(answer.body):
            case State.CHANGING:
                return Pending(detail=_provisioning(answer.body), retry_after=answer.retry_after)
            case State.FAILED:
                return Broken(error=self.failure(answer.body) or self._operation_failed(monitor, answer.body))
            case state:
                if failed := self.failure(answer.body):
                    return Broken(error=failed)
                if state is State.RUNNING and _awaits_address(answer.body):
                    return Pending(detail="waiting for its address", retry_after=answer.retry_after)
                return Done(existing=container_group.existing(answer.body))

    def _container_failed(self, group: ResourceId, found: Crash) -> ContainerFailed:
        try:
            lines = self._groups.logs(group, found.container, _LAST_LINES).splitlines()[-_LAST_LINES:]
        except AzdeployError:
            lines = []  # the crash is the news; a log that cannot be read is none
        where = f"Container {found.container} of {group.name}"
        how = "did not start" if found.exit_code is None else f"crashed with exit code {found.exit_code}"
        told = f" ({found.detail.rstrip('.')})" if found.detail else ""
        return ContainerFailed(f"{where} {how}{told}.", exit_code=found.exit_code, last_lines=lines)

    def _operation_failed(self, monitor: Monitor, body: Mapping[str, Any]) -> OperationFailed:
        """Return why it failed: the operation knows best, and where it is forgotten the group's last events do."""
        try:
            answer = self._transport.fetch(monitor.url) if monitor.url else None
        except AzdeployError:
            answer = None
        if answer is not None and find(answer.body, "error"):
            return faults.operation_fault(answer.body, answer.headers)
        messages = [str(find(event, "message")) for event in find(body, "properties", "instanceView", "events") or ()]
        error = {"code": _provisioning(body), "message": messages[-1] if messages else ""}
        return faults.operation_fault({"error": error})


def _provisioning(body: Mapping[str, Any]) -> str:
    return str(find(body, "properties", "provisioningState") or "")


def _awaits_address(body: Mapping[str, Any]) -> bool:
    address = find(body, "properties", "ipAddress")
    return address is not None and not find(address, "ip")
