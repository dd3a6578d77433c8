"""Containers without an engine: an image is a folder with a Dockerfile, and its command runs as a process.

The machine stands in for the base image, so this is for programs that the machine has (or node, which comes as a Python
package). What a container writes never touches the folder: each start gets a fresh copy of what the Dockerfile copies.
Each group has a loopback address of its own where the platform has more than one; HOST holds it unless the image or the
group says otherwise. CPU and memory limits are not enforced; the process has the rights of who started the endpoint.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from azdeploy.definitions.container_group import Container, ContainerGroup, InitContainer, OsType
from azdeploy.local.dockerfile import Recipe, read_recipe
from azdeploy.local.image_folder import digest, named_folder
from azdeploy.local.ports import require_free
from azdeploy.local.process.child import Child, Command
from azdeploy.local.process.container import ProcessContainer
from azdeploy.local.process.hosts import write_hosts
from azdeploy.local.process.root import base_path, prepare_root
from azdeploy.local.runtime import ContainerNotStartedError, Image, ImageNotAccessibleError

# Addresses that end so look like a network's or a broadcast one.
_NO_HOSTS = frozenset({0, 255})
_WAY_OUT = "use --runtime docker"


class ProcessRuntime:
    """Runs the containers of groups as processes of this machine; ``folder`` is where it keeps what they write."""

    name = "process"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._sandboxes: dict[str, ProcessSandbox] = {}
        self._candidates = _addresses(folder)

    def refusals(self, group: ContainerGroup) -> Sequence[str]:
        """Say, in a sentence each, what a process cannot honour about a group."""
        reasons = []
        if group.os_type is OsType.WINDOWS:
            reasons.append(
                f"The group '{group.name}' is for Windows, which this machine does not run; deploy to Azure."
            )
        if group.volumes:
            names = ", ".join(f"'{volume.name}'" for volume in group.volumes)
            reasons.append(f"The process runtime has no volumes ({names}); {_WAY_OUT}.")
        for container in group.containers:
            limits = container.resources.limits
            if container.resources.requests.gpu or (limits and limits.gpu):
                reasons.append(f"The container '{container.name}' asks for GPUs, which are not here; deploy to Azure.")
        if group.ip_address and group.ip_address.dns_name_label and not self.resolves_names:
            reasons.append(
                f"The DNS name label '{group.ip_address.dns_name_label}' would not resolve, because this machine does "
                f"not let the process runtime make a mount namespace; wire by address, or {_WAY_OUT}."
            )
        return reasons

    @functools.cached_property
    def resolves_names(self) -> bool:
        """Whether processes can be given an /etc/hosts of their own here; found out by trying."""
        cat = shutil.which("cat")
        if sys.platform != "linux" or cat is None:
            return False
        with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile() as hosts:
            hosts.write(b"seen")
            hosts.flush()
            command = Command(
                argv=[cat, "/etc/hosts"], environment={}, working_directory=Path("/"), hosts=Path(hosts.name)
            )
            try:
                Child(command, output=output.fileno()).wait()
            except ContainerNotStartedError:
                return False
            output.seek(0)
            return output.read() == b"seen"

    def image(self, name: str) -> Image:
        """Check a folder with a Dockerfile; ImageNotAccessibleError for all that a process cannot honour."""
        folder, recipe = _recipe(name)
        return Image(name=name, digest=digest(folder, [copied.source for copied in recipe.copied]))

    def address(self, taken: Collection[str]) -> str:
        """Return the next loopback address that is not taken; 127.0.0.1 where the platform has no other."""
        with self._lock:
            return next((address for address in self._candidates if address not in taken), "127.0.0.1")

    def open(self, key: str, group: ContainerGroup, address: str) -> ProcessSandbox:
        """Make the group's folder, and its hosts file with all names published so far."""
        del group  # Of a group, only its address and names matter to a process.
        folder = self._folder / key
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        sandbox = ProcessSandbox(self, key, folder, address)
        with self._lock:
            sandbox.know(self._names)
            self._sandboxes[key] = sandbox
        return sandbox

    def publish(self, names: Mapping[str, str]) -> None:
        """Write the names into the hosts file of every group; what runs already sees them."""
        with self._lock:
            self._names = dict(names)
            for sandbox in self._sandboxes.values():
                sandbox.know(self._names)

    def sweep(self, keys: Collection[str]) -> None:
        """Remove the folders of other groups; their processes ended with the endpoint that had started them."""
        if self._folder.is_dir():
            for left in sorted(self._folder.iterdir()):
                if left.name not in keys:
                    shutil.rmtree(left, ignore_errors=True)

    def forget(self, key: str) -> None:
        """Publish no more names to a group that is closed."""
        with self._lock:
            self._sandboxes.pop(key, None)


class ProcessSandbox:
    """What the processes of one group share: a loopback address, a folder and a hosts file."""

    def __init__(self, runtime: ProcessRuntime, key: str, folder: Path, address: str) -> None:
        self.address = address
        self._runtime = runtime
        self._key = key
        self._folder = folder
        self._hosts = folder / "hosts"
        self._lock = threading.Lock()
        self._running: dict[str, ProcessContainer] = {}
        self._closed = False

    def run(self, container: Container | InitContainer, image: Image) -> ProcessContainer:
        """Start a container in a fresh copy of its image."""
        source, recipe = _recipe_to_start(image.name)
        if isinstance(container, Container):
            require_free(self.address, container.ports, container.name)
        hosts = self._hosts if self._runtime.resolves_names else None
        root = prepare_root(self._folder / "containers" / container.name, source, recipe)
        command = root.command(container, self.address, hosts)
        with self._lock:
            if self._closed:
                raise ContainerNotStartedError("The group is being removed, so nothing is started in it.")
            started = ProcessContainer(command, root, recipe.stop_signal)
            self._running[container.name] = started
        return started

    def know(self, names: Mapping[str, str]) -> None:
        """Write the group's hosts file anew, in place: running processes see this very file."""
        write_hosts(self._hosts, self.address, names)

    def close(self) -> None:
        """Kill what still runs and remove the group's folder."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for container in running:
            container.stop(0)
        self._runtime.forget(self._key)
        shutil.rmtree(self._folder, ignore_errors=True)


def _recipe(name: str) -> tuple[Path, Recipe]:
    folder = named_folder(name)
    if folder is None:
        raise ImageNotAccessibleError(
            f"The process runtime runs folders with a Dockerfile, not '{name}' of a registry; give a folder, "
            f"or {_WAY_OUT}."
        )
    return folder, read_recipe(folder, {"PATH": base_path()})


def _recipe_to_start(name: str) -> tuple[Path, Recipe]:
    try:
        return _recipe(name)
    except ImageNotAccessibleError as error:  # The folder has changed since it was looked at.
        raise ContainerNotStartedError(str(error)) from error


def _addresses(folder: Path) -> Iterator[str]:
    """Yield loopback addresses for ever, in an order of its own for each folder, so that two endpoints rarely meet."""
    if sys.platform != "linux":
        return itertools.repeat("127.0.0.1", 1)
    start = int.from_bytes(hashlib.sha256(os.fsencode(folder)).digest()[:2], "big")
    numbers = (number % 65536 for number in itertools.count(start))
    return (f"127.77.{number >> 8}.{number & 255}" for number in numbers if number & 255 not in _NO_HOSTS)
