"""Containers at a Docker or Podman engine: a group is a network namespace at an address of ours, with volumes.

A container of our own, the holder, keeps the address, the names and the volumes of a group; the group's containers join
it, so each of them may restart alone. All that is made at the engine carries a label that stands for the endpoint's
folder, so that what was left behind is found again, and two endpoints at one engine never touch each other's.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound

from azdeploy.definitions.container_group import Container, ContainerGroup, InitContainer, OsType
from azdeploy.errors import LocalError
from azdeploy.local.docker.container import DockerContainer
from azdeploy.local.docker.engine import ENGINE_ERRORS, connect, told
from azdeploy.local.docker.holder import holder_image
from azdeploy.local.docker.image import find_image
from azdeploy.local.docker.network import Network
from azdeploy.local.docker.options import creation
from azdeploy.local.docker.volumes import Volumes, volume_refusals
from azdeploy.local.runtime import ContainerNotStartedError, Image

OWNER_LABEL = "azdeploy-local"
GROUP_LABEL = "azdeploy-local-group"


class DockerRuntime:
    """Runs the containers of groups at an engine; ``folder``, the endpoint's own, tells its containers from others'."""

    name = "docker"

    def __init__(self, folder: Path) -> None:
        self._client = connect()
        self._owner = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
        self._labels = {OWNER_LABEL: self._owner}
        self._network = Network(self._client.api, f"azdeploy-{self._owner}", self._labels)
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._sandboxes: dict[str, DockerSandbox] = {}

    def refusals(self, group: ContainerGroup) -> Sequence[str]:
        """Say, in a sentence each, what the engine cannot honour about a group."""
        reasons = list(volume_refusals(group.volumes))
        if group.os_type.value.lower() != self._engine["OSType"]:
            reasons.append(
                f"The group '{group.name}' is for {group.os_type.value}, and the engine on this machine runs "
                f"{_OS_NAMES.get(self._engine['OSType'], self._engine['OSType'])} containers; deploy to Azure."
            )
        for container in group.containers:
            limits = container.resources.limits
            if container.resources.requests.gpu or (limits and limits.gpu):
                reasons.append(f"The container '{container.name}' asks for GPUs, which are not here; deploy to Azure.")
        return reasons

    def image(self, name: str) -> Image:
        """Find an image at the engine; build it where the name is a folder, pull it where the engine lacks it."""
        return find_image(self._client, name, OWNER_LABEL)

    def address(self, taken: Collection[str]) -> str:
        """Return an address of our network that is not taken."""
        try:
            return self._network.address(taken)
        except ENGINE_ERRORS as error:
            raise LocalError(f"The engine gives no network: {told(error)}.") from error

    def open(self, key: str, group: ContainerGroup, address: str) -> DockerSandbox:
        """Start the group's holder at its address, under the names published for that."""
        sandbox = DockerSandbox(self, key, group, address)
        try:
            self.remove(key)
            self._network.subnet()
            sandbox.start(self._network, self._holder_image(), self._names_of(address))
            with self._lock:
                self._sandboxes[key] = sandbox
                # Names may have been published while the holder started.
                sandbox.rename(self._network, self._names_of(address))
        except ENGINE_ERRORS as error:
            self._abandon(key)
            raise LocalError(f"The group '{group.name}' cannot be prepared: {told(error)}.") from error
        except LocalError:
            self._abandon(key)
            raise
        return sandbox

    def publish(self, names: Mapping[str, str]) -> None:
        """Make the names known to the engine's DNS, which all our containers ask."""
        with self._lock:
            self._names = dict(names)
            for sandbox in self._sandboxes.values():
                try:
                    sandbox.rename(self._network, self._names_of(sandbox.address))
                except ENGINE_ERRORS as error:
                    raise LocalError(f"The engine cannot rename a container: {told(error)}.") from error

    def sweep(self, keys: Collection[str]) -> None:
        """Remove what is left of all groups but these; without any group left, the network as well."""
        try:
            found = self.api.containers(all=True, filters=self._filter())
            volumes = self.api.volumes(filters=self._filter())["Volumes"] or []
            left = {str((thing["Labels"] or {}).get(GROUP_LABEL, "")) for thing in [*found, *volumes]}
            for key in sorted(left - set(keys)):
                self.remove(key)
            if not keys:
                self._network.remove()
        except ENGINE_ERRORS as error:
            raise LocalError(f"What was left at the engine cannot be removed: {told(error)}.") from error

    def close(self) -> None:
        """Let go of the connections to the engine; what runs there goes on."""
        self._client.close()

    @property
    def api(self) -> docker.APIClient:
        """The connection to the engine."""
        return self._client.api

    @property
    def prefix(self) -> str:
        """What the names of all our containers and volumes begin with."""
        return f"azdeploy-{self._owner}"

    @property
    def processors(self) -> int:
        """How many processors the engine has."""
        return int(self._engine["NCPU"])

    def labels(self, key: str) -> dict[str, str]:
        """Return the labels of what belongs to a group."""
        return {**self._labels, GROUP_LABEL: key}

    def forget(self, key: str) -> None:
        """Remove a group's holder and volumes, and rename it no more."""
        with self._lock:
            self._sandboxes.pop(key, None)
        try:
            self.remove(key)
        except ENGINE_ERRORS as error:
            raise LocalError(f"A group cannot be removed from the engine: {told(error)}.") from error

    def remove(self, key: str) -> None:
        """Remove all containers and volumes of a group that the engine has."""
        mine = self._filter(key)
        # Those that joined the holder go first.
        for container in self.api.containers(all=True, filters=mine):
            try:
                self.api.remove_container(container["Id"], v=True, force=True)
            except NotFound:
                continue
        for volume in self.api.volumes(filters=mine)["Volumes"] or []:
            self.api.remove_volume(volume["Name"], force=True)

    @functools.cached_property
    def _engine(self) -> dict[str, Any]:
        try:
            return dict(self.api.info())
        except ENGINE_ERRORS as error:
            raise LocalError(f"The engine does not answer: {told(error)}.") from error

    def _abandon(self, key: str) -> None:
        """Remove what there is of a group that was not finished; a sweep finds what the engine keeps."""
        with self._lock, contextlib.suppress(*ENGINE_ERRORS):
            self._sandboxes.pop(key, None)
            self.remove(key)

    def _holder_image(self) -> str:
        with self._lock:
            return holder_image(self._client, str(self._engine["Architecture"]), OWNER_LABEL)

    def _filter(self, key: str | None = None) -> dict[str, list[str]]:
        labels = self._labels if key is None else self.labels(key)
        return {"label": [f"{name}={value}" for name, value in labels.items()]}

    def _names_of(self, address: str) -> Sequence[str]:
        return sorted(name for name, where in self._names.items() if where == address)


class DockerSandbox:
    """What the containers of one group share: the holder's network namespace and its volumes."""

    def __init__(self, runtime: DockerRuntime, key: str, group: ContainerGroup, address: str) -> None:
        self.address = address
        self._runtime = runtime
        self._key = key
        self._group = group
        self._volumes = Volumes(runtime.api, group, f"{runtime.prefix}-{key}", runtime.labels(key))
        self._names: Sequence[str] = ()
        self._holder = ""
        self._lock = threading.Lock()
        self._starts = itertools.count(1)
        self._running: dict[str, DockerContainer] = {}
        self._closed = False

    def start(self, network: Network, image: str, names: Sequence[str]) -> None:
        """Create the volumes and start the holder."""
        api, dns = self._runtime.api, self._group.dns_config
        self._volumes.create()
        host = api.create_host_config(
            network_mode=network.name,
            mounts=self._volumes.in_holder(),
            dns=list(dns.name_servers) if dns else None,
            dns_search=(dns.search_domains or "").split() if dns else None,
            dns_opt=(dns.options or "").split() if dns else None,
        )
        self._holder = api.create_container(
            image,
            name=f"{self._runtime.prefix}-{self._key}",
            labels=self._runtime.labels(self._key),
            host_config=host,
            networking_config=network.endpoint(self.address, names),
        )["Id"]
        self._names = names
        api.start(self._holder)
        self._volumes.fill(self._holder)

    def rename(self, network: Network, names: Sequence[str]) -> None:
        """Give the group other names, where they are others."""
        if names != self._names:
            network.rename(self._holder, self.address, names)
            self._names = names

    def run(self, container: Container | InitContainer, image: Image) -> DockerContainer:
        """Start a container of the group in the holder's namespace."""
        runtime = self._runtime
        options = creation(container, runtime.api, self._holder, self._volumes, runtime.processors)
        with self._lock:
            if self._closed:
                raise ContainerNotStartedError("The group is being removed, so nothing is started in it.")
            name = f"{runtime.prefix}-{self._key}-{container.name}-{next(self._starts)}"
            try:
                created = runtime.api.create_container(
                    image.digest, name=name, labels=runtime.labels(self._key), **options
                )
            except ENGINE_ERRORS as error:
                raise ContainerNotStartedError(f"The container cannot be created: {told(error)}.") from error
            started = DockerContainer(runtime.api, str(created["Id"]))
            self._running[container.name] = started
        return started

    def close(self) -> None:
        """Kill what still runs and remove the holder and the volumes."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for container in running:
            container.stop(0)
        self._runtime.forget(self._key)


_OS_NAMES = {"linux": OsType.LINUX.value, "windows": OsType.WINDOWS.value}
