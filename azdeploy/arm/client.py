"""The target that is Azure, or anything that speaks as Azure Resource Manager does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azdeploy.arm import container_group, credential, resource_id
from azdeploy.arm import subscription as subscriptions
from azdeploy.arm.codec import Request
from azdeploy.arm.groups import UNREGISTERED, Groups
from azdeploy.arm.progress import Monitor, Progress
from azdeploy.arm.resource_groups import ResourceGroups
from azdeploy.arm.resource_id import ResourceId
from azdeploy.arm.shape import find
from azdeploy.arm.transport import Answer, Place, Transport
from azdeploy.definitions.naming import RESOURCE_GROUP
from azdeploy.definitions.stack import STACK_TAG, Definition
from azdeploy.errors import Conflict, DefinitionError, NotFound, UsageError
from azdeploy.execution.events import Observer, ignore
from azdeploy.execution.retry import SystemClock
from azdeploy.execution.target import Operation, Released, Status, Verb
from azdeploy.planning.plan import Change, Existing, Plan

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

AZURE = "https://management.azure.com"
_AT_ONCE = 8  # reads in parallel


def connect(
    *,
    subscription: str | None = None,
    resource_group: str | None = None,
    endpoint: str = AZURE,
    ca_file: str | None = None,
    token: str | TokenCredential | None = None,
    observe: Observer = ignore,
) -> ArmTarget:
    """Return the target at an ARM endpoint.

    Requests carry ``token``: a ready one, one of azure-identity's credentials, or else its DefaultAzureCredential's.
    ``ca_file`` is the certificate authority of an endpoint that no public one vouches for. ``observe`` learns of waits
    that are not a deployment's own. CredentialError where no subscription is chosen, DefinitionError for a resource
    group that Azure would refuse.
    """
    if resource_group is not None and (found := tuple(RESOURCE_GROUP.problems("resource group", resource_group))):
        raise DefinitionError(found)
    place = Place(endpoint=endpoint.rstrip("/"), subscription=subscriptions.choose(subscription), ca_file=ca_file)
    transport = Transport(place, credential.signer(token), SystemClock(), observe)
    return ArmTarget(transport, resource_group)


class ArmTarget:
    """Container groups in a subscription, as a Target and with what the command line shows of them.

    Without a resource group a stack is where its groups are found, or else in a resource group named like the stack.
    Every method raises only errors of azdeploy.errors.
    """

    def __init__(self, transport: Transport, resource_group: str | None) -> None:
        self._resource_group = resource_group
        self._subscription = transport.place.subscription
        self._groups = Groups(transport)
        self._places = ResourceGroups(transport)
        self._progress = Progress(self._groups, transport)
        self._homes: dict[str, str] = {}  # where stacks were found, or will be put
        self._known: dict[str, ResourceId] = {}  # the groups dealt with, by their names

    def existing(self, stack: str, names: Collection[str] = ()) -> Mapping[str, Existing]:
        """Return by name what carries the stack's tag, and whatever else in its resource group has one of these names.

        UsageError where the stack is in several resource groups and none was named.
        """
        listed = self.groups()
        home = self._settle(stack, listed)
        wanted = {name.lower() for name in names}
        foreign = [
            body
            for body in listed
            if _stack(body) != stack and _id(body).group == home and str(body["name"]).lower() in wanted
        ]
        found = [container_group.existing(body) for body in (*foreign, *self._details(stack, listed))]
        return {existing.name: existing for existing in sorted(found, key=lambda existing: existing.name)}

    def prepare(self, stack: str, location: str) -> None:
        """Make the stack's resource group, tagged as the stack's, when it is missing."""
        self._places.ensure(self._home(stack).resource_group, stack, location)

    def put(self, definition: Definition, location: str) -> Operation:
        """Start creating or updating a group; Conflict while the subscription is being registered for them."""
        request = container_group.put(definition, self._home_of(definition), location)
        answer = self._send(request)
        url = answer.headers.get("azure-asyncoperation", "")
        return self._operation(Verb.PUT, definition.name, Monitor(id=request.path, url=url))

    def tag(self, definition: Definition) -> Existing:
        """Replace the tags of an existing group and nothing else."""
        answer = self._send(container_group.tag(definition, self._home_of(definition)))
        return container_group.existing(answer.body)

    def delete(self, existing: Existing) -> Operation:
        """Start deleting a group; one that is gone already is no error."""
        with suppress(NotFound):  # polling it will say so
            self._send(container_group.delete(existing.id))
        return self._operation(Verb.DELETE, existing.name, Monitor(id=existing.id))

    def poll(self, operations: Collection[Operation]) -> Mapping[Operation, Status]:
        """Tell how these operations are doing, with one request for each resource group that holds several of them."""
        return self._progress.poll(operations)

    def release(self, stack: str) -> Released:
        """Delete the stack's emptied resource group, and tell what is left of the stack and why.

        A resource group that we did not make, or that holds anything else, stays. Waits until the group is gone.
        """
        listed = self.groups()
        left = sorted(str(body["id"]) for body in listed if _stack(body) == stack)
        home = self._home(stack)
        if held := [str(body["name"]) for body in listed if _id(body).group == home]:
            return Released(left=left, place=home.resource_group, kept=f"it holds {', '.join(held)}")
        return replace(self._places.remove(home.resource_group, stack), left=left)

    def preparation(self, plan: Plan) -> Request | None:
        """Return the request that makes the plan's resource group; None where it is there or nothing is to be done."""
        if plan.is_empty:
            return None
        return self._places.creation(self._home(plan.stack).resource_group, plan.stack, plan.location)

    def requests(self, change: Change, plan: Plan) -> tuple[Request, ...]:
        """Return the requests that carry out a change of a plan, in their order, with every secure value masked."""
        sent = container_group.requests(change, self._home(plan.stack), plan.location)
        return tuple(request.masked() for request in sent)

    def find(self, stack: str) -> list[dict[str, Any]]:
        """Return the JSON of a stack's groups, with their instance views, in the order of their names."""
        listed = self.groups()
        self._settle(stack, listed)
        return self._details(stack, listed)

    def groups(self) -> list[dict[str, Any]]:
        """Return the JSON of all groups in the resource group (or subscription), without instance views."""
        bodies = self._groups.list(self._resource_group).body
        return sorted(bodies, key=lambda body: (str(body["name"]), str(body["id"])))

    def group(self, name: str) -> dict[str, Any]:
        """Return the JSON of one group with its instance views; NotFound where there is none of that name."""
        body: dict[str, Any] = self._groups.get(self._locate(name)).body
        return body

    def logs(self, group: str, container: str, tail: int | None = None) -> str:
        """Return what a container wrote since it last started; with ``tail`` only so many of the last lines."""
        return self._groups.logs(self._locate(group), container, tail)

    def check(self, name: str) -> None:
        """Raise ContainerFailed, with the container's exit code and last lines, where one of a group's failed."""
        if failed := self._progress.failure(self.group(name)):
            raise failed

    def _send(self, request: Request) -> Answer:
        try:
            return self._groups.send(request)
        except Conflict as error:
            if error.code != UNREGISTERED:
                raise
            namespace = container_group.CODEC.type.partition("/")[0]
            self._places.register(namespace)
            told = f"The subscription is being registered for {namespace}, which takes Azure a few minutes."
            raise Conflict(told, code=UNREGISTERED, status=error.status) from error

    def _operation(self, verb: Verb, name: str, monitor: Monitor) -> Operation:
        self._known[name.lower()] = resource_id.parse(monitor.id)
        return Operation(verb=verb, name=name, monitor=monitor.text())

    def _details(self, stack: str, listed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Read each of a stack's groups, for lists lack instance views; one that went meanwhile is left out."""
        ids = [_id(body) for body in listed if _stack(body) == stack]
        self._known |= {known.name.lower(): known for known in ids}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [body for body in pool.map(self._detail, ids) if body is not None]

    def _detail(self, group: ResourceId) -> dict[str, Any] | None:
        try:
            body: dict[str, Any] = self._groups.get(group).body
        except NotFound:
            return None
        return body

    def _settle(self, stack: str, listed: Iterable[Mapping[str, Any]]) -> ResourceId:
        """Note where a stack is, so that what is put later joins it."""
        places = {_id(body).group: _id(body).resource_group for body in listed if _stack(body) == stack}
        if len(places) > 1:
            told = f"Stack {stack} is in several resource groups: {', '.join(sorted(places.values()))}."
            raise UsageError(told, hint="Choose one with --resource-group.")
        for place in places.values():
            self._homes[stack] = place
        return self._home(stack)

    def _home(self, stack: str) -> ResourceId:
        name = self._resource_group or self._homes.get(stack, stack)
        return ResourceId(subscription=self._subscription, resource_group=name)

    def _home_of(self, definition: Definition) -> ResourceId:
        stack = definition.tags.get(STACK_TAG, "")
        if not stack and not self._resource_group:
            told = f"{definition.name} carries no stack's tag, so nothing says which resource group it belongs to."
            raise UsageError(told, hint="Connect with a resource group, or deploy it as part of a stack.")
        return self._home(stack)

    def _locate(self, name: str) -> ResourceId:
        """Return the id of a group: in the resource group, as it was dealt with before, or found by its name."""
        if self._resource_group:
            return container_group.group_id(self._home(""), name)
        if known := self._known.get(name.lower()):
            return known
        found = [_id(body) for body in self.groups() if str(body["name"]).lower() == name.lower()]
        if not found:
            raise NotFound(f"There is no container group {name}.", hint="See them all with `azdeploy aci list`.")
        if len(found) > 1:
            places = ", ".join(sorted(group.resource_group for group in found))
            told = f"There is a container group {name} in several resource groups: {places}."
            raise UsageError(told, hint="Choose one with --resource-group.")
        return found[0]


def _id(body: Mapping[str, Any]) -> ResourceId:
    return resource_id.parse(str(body["id"]))


def _stack(body: Mapping[str, Any]) -> str | None:
    tags = {name.lower(): value for name, value in (find(body, "tags") or {}).items()}
    return tags.get(STACK_TAG)
