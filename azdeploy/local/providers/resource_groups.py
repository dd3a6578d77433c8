"""Microsoft.Resources/resourceGroups: resource groups, what is in them, and how they are deleted with it."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from azdeploy.local.latency import Step
from azdeploy.local.machine import Machine
from azdeploy.local.operations import Operation, Progress
from azdeploy.local.providers.subscriptions import SUBSCRIPTION, Subscriptions
from azdeploy.local.regions import location_of
from azdeploy.local.router import Route, filter_of
from azdeploy.local.store import Store
from azdeploy.local.wire import Json, Refusal, Reply, Request, bad_content, group_missing, tags_of

_KIND = "resource group"
_TYPE = "Microsoft.Resources/resourceGroups"
_ONE = f"{SUBSCRIPTION}/resourceGroups/{{group}}"
_RESULT = f"{SUBSCRIPTION}/operationresults/{{job}}"
_POLL_AGAIN = "1"
_LONGEST = 90
_FORBIDDEN = re.compile(r"[^-\w.()]")
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceGroup:
    """One resource group, its name as its creator wrote it."""

    name: str
    location: str
    tags: dict[str, str] | None = None
    managed_by: str | None = None
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one provider has in resource groups: its resources as bodies, how to delete and to export them."""

    bodies: Callable[[str | None], list[Json]]
    delete: Callable[[str], None]
    exported: Callable[[str], list[Json]]


class ResourceGroups:
    """The resource groups by name, kept in the store."""

    def __init__(self, machine: Machine, store: Store, subscriptions: Subscriptions) -> None:
        self._machine = machine
        self._store = store
        self._subscriptions = subscriptions
        self._lock = threading.RLock()
        self._contents: list[Contents] = []
        self._workers: list[threading.Thread] = []
        self._closing = threading.Event()
        self._groups = {key: ResourceGroup(**document) for key, document in store.all(_KIND).items()}

    def holds(self, contents: Contents) -> None:
        """Tell of a provider that has resources in resource groups."""
        self._contents.append(contents)

    def restore(self) -> None:
        """Go on deleting what was being deleted when the endpoint ended."""
        for group in [group for group in self._groups.values() if group.deleting]:
            self._begin_deletion(group)

    def close(self) -> None:
        """Let deletions that have begun come to their end; the others go on after the next start."""
        self._closing.set()
        for worker in self._workers:
            worker.join()

    def routes(self) -> Sequence[Route]:
        """Return all paths that are about resource groups and what is in them."""
        return (
            Route("GET", f"{SUBSCRIPTION}/resourceGroups", self._list),
            Route("HEAD", _ONE, self._head),
            Route("GET", _ONE, self._get),
            Route("PUT", _ONE, self._put),
            Route("PATCH", _ONE, self._patch),
            Route("DELETE", _ONE, self._delete),
            Route("GET", _RESULT, self._result),
            Route("POST", f"{_ONE}/exportTemplate", self._export),
            Route("GET", f"{_ONE}/resources", self._resources_of_one),
            Route("GET", f"{SUBSCRIPTION}/resources", self._resources),
        )

    def require(self, request: Request, *, writing: bool = False) -> ResourceGroup:
        """Return the resource group that a request is about; Refusal where it is missing or, for writing, going."""
        self._subscriptions.require(request)
        name = request.params["group"]
        with self._lock:
            group = self._groups.get(name.lower())
        if group is None:
            raise group_missing(name)
        if writing and group.deleting:
            message = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
            raise Refusal(409, "ResourceGroupBeingDeleted", message)
        return group

    def _list(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        wanted = filter_of(request.query)
        with self._lock:
            groups = [group for _, group in sorted(self._groups.items())]
        return Reply(body={"value": [self._body(group) for group in groups if _has_tag(group.tags, wanted)]})

    def _head(self, request: Request) -> Reply:
        try:
            self.require(request)
        except Refusal as refusal:
            return Reply(status=refusal.status, headers=refusal.headers)
        return Reply(status=204)

    def _get(self, request: Request) -> Reply:
        return Reply(body=self._body(self.require(request)))

    def _put(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        wanted = _wanted(request.params["group"], request.content())
        with self._lock:
            known = self._groups.get(wanted.name.lower())
            if known is not None:
                self.require(request, writing=True)
                _same_location(known, wanted)
                wanted = replace(wanted, name=known.name)
            self._save(wanted)
        return Reply(status=201 if known is None else 200, body=self._body(wanted))

    def _patch(self, request: Request) -> Reply:
        with self._lock:
            known = self.require(request, writing=True)
            body = request.content()
            tags, manager = tags_of(body), _manager(body, known.managed_by)
            changed = replace(known, tags=known.tags if tags is None else tags, managed_by=manager)
            self._save(changed)
        return Reply(body=self._body(changed))

    def _delete(self, request: Request) -> Reply:
        with self._lock:
            group = self.require(request)
            job = self._begin_deletion(group)
        return Reply(status=202, headers=self._poll(request, job))

    def _begin_deletion(self, group: ResourceGroup) -> str:
        self._save(replace(group, deleting=True))
        operation = self._machine.operations.begin(group.name)

        name = f"delete {group.name}"
        worker = threading.Thread(target=self._carry_out, args=(group, operation), name=name, daemon=True)
        self._workers.append(worker)
        worker.start()
        return operation.id

    def _carry_out(self, group: ResourceGroup, operation: Operation) -> None:
        if self._machine.take_time(Step.DELETE_RESOURCE_GROUP, self._closing):
            return  # and goes on after the next start
        error: Refusal | None = Refusal(500, "InternalServerError", "The endpoint could not do that; its log says why.")
        try:
            for contents in self._contents:
                contents.delete(group.name)
            with self._lock:
                self._groups.pop(group.name.lower(), None)
                self._store.remove(_KIND, group.name.lower())
            error = None
        finally:
            operation.end(error)

    def _result(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        job = _job_id(request.params["job"])
        operation = self._machine.operations.find(job)
        operation.hold(self._machine.hold)
        if operation.progress is Progress.PENDING:
            return Reply(status=202, headers=self._poll(request, job))
        return Reply(status=200) if operation.error is None else operation.error.reply()

    def _poll(self, request: Request, job: str) -> dict[str, str]:
        where = _RESULT.format(subscription=request.params["subscription"], job=_job_name(job))
        return {"Location": f"{request.base}{where}?api-version={request.api_version}", "Retry-After": _POLL_AGAIN}

    def _export(self, request: Request) -> Reply:
        group = self.require(request)
        resources = [one for contents in self._contents for one in contents.exported(group.name)]
        template = {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "parameters": {}, "variables": {}}
        return Reply(body={"template": {**template, "resources": resources}})

    def _resources_of_one(self, request: Request) -> Reply:
        return self._listing(request, self.require(request).name)

    def _resources(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        return self._listing(request, None)

    def _listing(self, request: Request, group: str | None) -> Reply:
        wanted = filter_of(request.query)
        group = wanted.pop("resourcegroup", group)
        found = [one for contents in self._contents for one in contents.bodies(group)]
        generic = [_generic(one) for one in found if _is_wanted(one, wanted)]
        return Reply(body={"value": sorted(generic, key=lambda one: str(one["id"]).lower())})

    def _save(self, group: ResourceGroup) -> None:
        with self._lock:
            self._groups[group.name.lower()] = group
            self._store.save(_KIND, group.name.lower(), asdict(group))

    def _body(self, group: ResourceGroup) -> Json:
        scope = f"/subscriptions/{self._subscriptions.identity.subscription}"
        told: dict[str, Any] = {"id": f"{scope}/resourceGroups/{group.name}", "name": group.name, "type": _TYPE}
        told["location"] = group.location
        if group.managed_by is not None:
            told["managedBy"] = group.managed_by
        if group.tags is not None:
            told["tags"] = group.tags
        return {**told, "properties": {"provisioningState": "Deleting" if group.deleting else "Succeeded"}}


def _check_name(name: str) -> None:
    """Let a name pass that ARM takes; else Refusal 400.

    https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    """
    if len(name) > _LONGEST:
        told = f"has a length of '{len(name)}' which exceeds the maximum length of '{_LONGEST}'."
        raise Refusal(400, "InvalidResourceGroup", f"The provided resource group name '{name}' {told}")
    faults = "".join(dict.fromkeys(_FORBIDDEN.findall(name))) or ("." if name.endswith(".") else "")
    if faults:
        message = (
            f"The provided resource group name '{name}' has these invalid characters: '{faults}'. The name can only be "
            "a letter, digit, '-', '.', '(', ')' or '_', and cannot end with '.'. For more details, visit "
            "https://aka.ms/ResourceGroupNamingRestrictions ."
        )
        raise Refusal(400, "InvalidResourceGroup", message)


def _wanted(name: str, body: Json) -> ResourceGroup:
    _check_name(name)
    return ResourceGroup(name=name, location=location_of(body), tags=tags_of(body), managed_by=_manager(body))


def _manager(body: Json, default: str | None = None) -> str | None:
    given = body.get("managedBy", default)
    if given is None or isinstance(given, str):
        return given
    raise bad_content("The value of 'managedBy' of a resource group should be a text.")


def _same_location(known: ResourceGroup, wanted: ResourceGroup) -> None:
    if known.location != wanted.location:
        message = (
            f"Invalid resource group location '{wanted.location}'. The Resource group already exists in location "
            f"'{known.location}'."
        )
        raise Refusal(409, "InvalidResourceGroupLocation", message)


def _has_tag(tags: dict[str, str] | None, wanted: dict[str, str]) -> bool:
    if "tagname" not in wanted:
        return True
    values = {name.lower(): value for name, value in (tags or {}).items()}
    name = wanted["tagname"].lower()
    return name in values and wanted.get("tagvalue", values[name]) == values[name]


def _is_wanted(resource: Json, wanted: dict[str, str]) -> bool:
    for name, asked in {"resourcetype": "type", "name": "name", "location": "location"}.items():
        if name in wanted and wanted[name].lower() != str(resource[asked]).lower():
            return False
    return _has_tag(resource.get("tags"), wanted)


def _generic(resource: Json) -> Json:
    names = ("id", "name", "type", "location", "identity", "zones", "tags")
    return {name: resource[name] for name in names if resource.get(name) is not None}


def _job_name(operation: str) -> str:
    """Return an operation's name as ARM has it in Location: opaque, in one piece."""
    return base64.urlsafe_b64encode(json.dumps({"jobId": operation}).encode()).decode().rstrip("=")


def _job_id(name: str) -> str:
    try:
        return str(json.loads(base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)))["jobId"])
    except (ValueError, KeyError, TypeError):
        raise Refusal(404, "NotFound", f"The operation '{name}' was not found.") from None
