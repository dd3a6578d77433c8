"""All container groups of this machine: who has which address and name, and what survives the endpoint."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from azdeploy.definitions.container_group import ContainerGroup
from azdeploy.local.groups.checks import check, check_update
from azdeploy.local.groups.group import Group, Keeper, definition_of, find_images
from azdeploy.local.groups.naming import fqdn
from azdeploy.local.groups.record import TYPE, Place, Record, Status, from_document, with_identity
from azdeploy.local.groups.shape import canonical
from azdeploy.local.machine import Machine
from azdeploy.local.operations import Operation
from azdeploy.local.ports import require_free
from azdeploy.local.regions import location_of
from azdeploy.local.runtime import ContainerNotStartedError
from azdeploy.local.store import Store
from azdeploy.local.wire import Json, Refusal, tags_of

_KIND = "container group"
_RESTORE_SECONDS = 20.0


class Inventory:
    """The container groups by id, kept in the store.

    Locks are taken in this order only, or threads would wait for each other for ever: first the one for requests that
    create and delete, then a group's own, then the one for what is known here. A group that has changed comes here with
    its own lock held, so nothing that takes a group's lock is called under the last one; reading a record takes none.
    """

    def __init__(self, machine: Machine, store: Store, tenant: str) -> None:
        self.machine = machine
        self._store = store
        self._tenant = tenant
        self._groups: dict[str, Group] = {}
        self._given: dict[str, str] = {}  # addresses that were given out and may not stand in the records yet
        self._leaving: dict[str, Group] = {}  # groups that are forgotten already, but still end their containers
        self._published: dict[str, str] = {}
        self._requests = threading.Lock()
        self._lock = threading.RLock()
        self._closed = False
        self._keeper = Keeper(self._keep, self._place)

    def restore(self) -> list[str]:
        """Take up what an earlier endpoint left: what ran is started again, at the same address when possible.

        With another runtime than before, wait a while for the groups and say in a sentence each which do not come back.
        """
        moved: list[Operation] = []
        records = [from_document(document) for document in self._store.all(_KIND).values()]
        self._groups = {record.place.key: Group(record, self.machine, self._keeper) for record in records}
        for group in self._groups.values():
            match group.record.status:
                case Status.RUNNING:
                    has_moved = group.has_moved
                    operation = group.restore()
                    moved += [operation] if has_moved else []
                case Status.STOPPED | Status.ENDED:
                    group.provisioning = "Succeeded"
        self._publish()
        return list(_failures(moved))

    def close(self) -> None:
        """Stop everything that runs; it stays in the store, to be started again."""
        with self._requests:
            self._closed = True
        _at_once(self.all(), Group.end)

    def find(self, place: Place) -> Group | None:
        """Return the group at a place, None where there is none."""
        with self._lock:
            return self._groups.get(place.key)

    def all(self, resource_group: str | None = None) -> list[Group]:
        """Return all groups, or those of one resource group, by id."""
        with self._lock:
            found = sorted(self._groups.items())
        wanted = None if resource_group is None else resource_group.lower()
        return [group for _, group in found if wanted in (None, group.record.place.resource_group.lower())]

    def put(
        self, place: Place, body: Json, default_location: str, require: Callable[[], object] = lambda: None
    ) -> tuple[Group, Operation, bool]:
        """Create a group or update the one that is there; True for a creation. Refusal for what Azure would refuse.

        To look for images takes a while; ``require`` refuses when the place for the group is gone after that.
        """
        wanted = self._wanted(place, body, default_location)
        existing = self.find(place)
        if existing is not None:
            check_update(place.name, existing.record.body, wanted.body)
        group = self._checked(wanted)
        find_images(self.machine, group)
        with self._requests:
            require()
            self._require_settled(place)
            self._require_free_name(wanted)
            existing = self.find(place)
            if existing is not None:
                return existing, self._update(existing, wanted), False
            return self._create(wanted, group)

    def delete(self, place: Place) -> Group | None:
        """Forget a group and end it; return it as it was, None where there is none.

        Until its containers have ended, no other group takes its place.
        """
        with self._requests, self._lock:
            group = self._groups.pop(place.key, None)
            if group is None:
                return None
            self._given.pop(place.key, None)
            self._leaving[place.key] = group
            self._store.remove(_KIND, place.key)
        try:
            group.end()
        finally:
            with self._lock:
                del self._leaving[place.key]
        self._publish()
        return group

    def delete_all(self, resource_group: str) -> None:
        """End and forget every group of a resource group; one that is just being created counts, too."""
        with self._requests:
            groups = self.all(resource_group)
        _at_once(groups, lambda group: self.delete(group.record.place))

    def _wanted(self, place: Place, body: Json, default_location: str) -> Record:
        settled = canonical(body)
        settled["location"] = location_of(settled, TYPE, default=default_location)
        tags_of(settled)
        check(place.name, settled)
        settled["properties"].setdefault("restartPolicy", "Always")
        return Record(place=place, body=settled, fqdn=self._name(place, settled))

    def _checked(self, record: Record) -> ContainerGroup:
        group = definition_of(record)
        if refusals := self.machine.runtime.refusals(group):
            raise Refusal(400, "NotSupportedOnThisMachine", " ".join(refusals))
        self._require_free_name(record)
        return group

    def _require_settled(self, place: Place) -> None:
        if self._closed:
            raise Refusal(503, "ServiceUnavailable", "The endpoint is being ended and takes on nothing more.")
        if place.key in self._leaving:
            message = f"The container group '{place.name}' is still transitioning, please retry later."
            raise Refusal(409, "ContainerGroupTransitioning", message)

    def _require_free_name(self, record: Record) -> None:
        for other in self.all():
            if record.fqdn and other.record.fqdn == record.fqdn and other.record.place.key != record.place.key:
                label = record.body["properties"]["ipAddress"]["dnsNameLabel"]
                told = f"The DNS name label '{label}' in container group '{record.place.name}' not available."
                raise Refusal(400, "DnsNameLabelNotAvailable", f"{told} Try using a different label.")

    def _create(self, wanted: Record, definition: ContainerGroup) -> tuple[Group, Operation, bool]:
        record = replace(with_identity(wanted, self._tenant), address=self._place(wanted))
        record = replace(record, runtime=self.machine.runtime.name)
        _require_ports(definition, record.address)
        group = Group(record, self.machine, self._keeper)
        with self._lock:
            self._groups[record.place.key] = group
        self._keep(record)
        return group, group.create(), True

    def _update(self, existing: Group, wanted: Record) -> Operation:
        if existing.is_terminated:
            message = f"The container group '{wanted.place.name}' is terminated; delete it before it is created anew."
            raise Refusal(400, "InvalidContainerGroupUpdate", message)
        check_update(wanted.place.name, existing.record.body, wanted.body)

        def change(record: Record) -> Record:
            return with_identity(replace(record, body=wanted.body, fqdn=wanted.fqdn), self._tenant)

        return existing.update(change)

    def _name(self, place: Place, body: Json) -> str:
        address = body["properties"].get("ipAddress", {})
        if not (label := address.get("dnsNameLabel")):
            return ""
        existing = self.find(place)
        scope = address.get("autoGeneratedDomainNameLabelScope", "Unsecure")
        if existing is not None and _same_name(existing.record.body, body):
            return existing.record.fqdn
        return fqdn(label, scope, body["location"], (self._tenant, place.subscription, place.resource_group))

    def _place(self, record: Record) -> str:
        """Return an address that no group has, this one's own former one included."""
        with self._lock:
            others = {address for key, address in self._given.items() if key != record.place.key}
            known = (*self._groups.values(), *self._leaving.values())
            taken = {group.record.address for group in known} | {record.address} | others
            self._given[record.place.key] = self.machine.runtime.address(taken - {""})
            return self._given[record.place.key]

    def _keep(self, record: Record) -> None:
        with self._lock:
            group = self._groups.get(record.place.key)
            if group is None or group.record.key != record.key:
                return  # It was deleted; another one may have its place by now.
            self._store.save(_KIND, record.place.key, record.document())
        self._publish()

    def _publish(self) -> None:
        with self._lock:
            records = [group.record for _, group in sorted(self._groups.items())]
            names = {record.fqdn: record.address for record in records if record.fqdn and record.address}
            if names != self._published:
                self.machine.runtime.publish(names)
                self._published = names


def last_runtime(store: Store) -> str:
    """Return the name of the runtime that most of the stored groups ran with last; empty where none is stored."""
    counts = Counter(str(document.get("runtime", "")) for document in store.all(_KIND).values())
    del counts[""]
    return min(counts, key=lambda name: (-counts[name], name), default="")


def _failures(operations: Sequence[Operation]) -> Iterator[str]:
    """Wait for the end of operations, all in all so long as a start may take, and yield why some of them failed."""
    end = time.monotonic() + _RESTORE_SECONDS
    for operation in operations:
        operation.hold(max(end - time.monotonic(), 0))
        if operation.error is not None:
            yield operation.error.message


def _same_name(before: Json, after: Json) -> bool:
    names = ("dnsNameLabel", "autoGeneratedDomainNameLabelScope")
    old, new = (body["properties"].get("ipAddress", {}) for body in (before, after))
    return all(old.get(name) == new.get(name) for name in names) and before["location"] == after["location"]


def _require_ports(group: ContainerGroup, address: str) -> None:
    """Refuse a group whose ports another program of this machine has; addresses of containers are nobody else's."""
    if group.ip_address is None or not ipaddress.ip_address(address).is_loopback:
        return
    for container in group.containers:
        try:
            require_free(address, container.ports, container.name)
        except ContainerNotStartedError as error:
            raise Refusal(400, "PortNotAvailable", str(error)) from error


def _at_once(groups: list[Group], work: Callable[[Group], object]) -> None:
    """Do something slow to many groups at the same time."""
    threads = [threading.Thread(target=work, args=(group,), daemon=True) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
