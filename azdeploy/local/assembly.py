"""Puts the endpoint together: store, providers and application, from the state folder, a runtime and the choices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from azdeploy.local.application import Application
from azdeploy.local.clock import Clock
from azdeploy.local.groups.inventory import Inventory
from azdeploy.local.home import Home, make_folder
from azdeploy.local.identity import Authority
from azdeploy.local.machine import Machine
from azdeploy.local.operations import Operations
from azdeploy.local.options import Options
from azdeploy.local.providers import authorization
from azdeploy.local.providers.container_groups import ContainerGroups
from azdeploy.local.providers.container_instance import ContainerInstance
from azdeploy.local.providers.networks import Networks
from azdeploy.local.providers.registrations import Registrations
from azdeploy.local.providers.resource_groups import Contents, ResourceGroups
from azdeploy.local.providers.subscriptions import Subscriptions
from azdeploy.local.recording import Recorder
from azdeploy.local.router import Router
from azdeploy.local.runtime import Runtime
from azdeploy.local.store import Store
from azdeploy.local.streams import Streams
from azdeploy.local.wire import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The endpoint's parts, for whoever opens and closes it."""

    application: Application
    authority: Authority
    inventory: Inventory
    operations: Operations
    resource_groups: ResourceGroups
    store: Store

    def restore(self) -> list[str]:
        """Take up what an earlier endpoint left; say in a sentence each what another runtime does not bring back."""
        not_back = self.inventory.restore()
        self.resource_groups.restore()
        self.operations.give_up()
        return not_back

    def close(self) -> None:
        """Stop all containers and let go of the files."""
        self.resource_groups.close()
        self.operations.close()
        self.inventory.close()
        self.store.close()


def assemble(home: Home, options: Options, runtime: Runtime, clock: Clock, *, record: Path | None = None) -> Parts:
    """Return an endpoint that is ready to be opened; nothing runs yet."""
    make_folder(home.path)
    authority = Authority(home, clock)
    store = Store(home.resources, home.store_key)
    machine = Machine(runtime=runtime, clock=clock, operations=Operations(clock, store), settings=options.settings)
    inventory = Inventory(machine, store, authority.identity.tenant)
    subscriptions = Subscriptions(authority.identity)
    resource_groups = ResourceGroups(machine, store, subscriptions)
    registrations = Registrations(store, subscriptions)
    networks = Networks(
        machine, store, subscriptions=subscriptions, resource_groups=resource_groups, registrations=registrations
    )
    groups = ContainerGroups(
        inventory,
        subscriptions=subscriptions,
        resource_groups=resource_groups,
        networks=networks,
        registrations=registrations,
    )
    _tell_contents(resource_groups, inventory, networks)
    about = ContainerInstance(inventory, subscriptions)
    providers = (subscriptions, resource_groups, registrations, networks, groups, about)
    routes = [route for provider in providers for route in provider.routes()]
    application = Application(
        Router([*routes, *authorization.routes()]),
        authority,
        Streams(groups.sessions),
        clock=clock,
        recorder=None if record is None else Recorder(record),
    )
    return Parts(
        application=application,
        authority=authority,
        inventory=inventory,
        operations=machine.operations,
        resource_groups=resource_groups,
        store=store,
    )


def _tell_contents(resource_groups: ResourceGroups, inventory: Inventory, networks: Networks) -> None:
    def bodies(resource_group: str | None) -> list[Json]:
        return [group.body(listed=True) for group in inventory.all(resource_group)]

    def exported(resource_group: str) -> list[Json]:
        return [group.exported() for group in inventory.all(resource_group)]

    resource_groups.holds(Contents(bodies=bodies, delete=inventory.delete_all, exported=exported))
    resource_groups.holds(Contents(bodies=networks.all, delete=networks.delete_all, exported=networks.exported))
