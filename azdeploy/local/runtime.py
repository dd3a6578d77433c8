"""What the endpoint needs of whatever runs the containers: the protocol of the process and the Docker runtime.

A runtime starts, watches and ends single containers. Everything that Azure decides (restart policies, back-off, events,
states) is the provider's business.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from azdeploy.definitions.container_group import Container, ContainerGroup, InitContainer


class ImageNotAccessibleError(Exception):
    """The runtime cannot get that image; the text says why and what to do, in one sentence."""


class ContainerNotStartedError(Exception):
    """The image is there but its command cannot be started; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that the runtime has; ``digest`` is ``sha256:`` and 64 hexadecimal digits."""

    name: str
    digest: str


class Session(Protocol):
    """A command running in a container with its input and output connected (exec, attach)."""

    def send(self, data: bytes) -> None:
        """Write to its standard input."""

    def receive(self) -> bytes:
        """Block until it wrote something and return that; empty once it has ended and all was read."""

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal's new size; does nothing where there is no terminal."""

    def close(self) -> None:
        """End the command when it still runs, and let go of everything."""


class RunningContainer(Protocol):
    """One start of one container. A restart is a new one."""

    id: str  # 64 hexadecimal digits, as in Azure's Killing events

    def wait(self, timeout: float | None = None) -> int | None:
        """Block up to ``timeout`` seconds for its end; return the exit code, None while it runs."""

    def logs(self) -> str:
        """Return all that this start wrote, both streams in order, at most the last 4 MB."""

    def exec(self, command: Sequence[str], *, rows: int, columns: int) -> Session:
        """Run a command in the container with a terminal of that size; ContainerNotStartedError when it cannot."""

    def attach(self) -> Session:
        """Follow what the container writes from now on."""

    def stop(self, grace: float) -> None:
        """Ask it to end, and after ``grace`` seconds make it; returns when it has ended."""


class Sandbox(Protocol):
    """What the containers of one group share: an address, volumes, resolvable names."""

    address: str

    def run(self, container: Container | InitContainer, image: Image) -> RunningContainer:
        """Start a container of the group; ContainerNotStartedError when that is impossible."""

    def close(self) -> None:
        """Stop what still runs and remove everything that the group had on this machine."""


class Runtime(Protocol):
    """One way of running containers on this machine."""

    name: str

    def refusals(self, group: ContainerGroup) -> Sequence[str]:
        """Say, in a sentence each, what this runtime cannot honour about a group and what to do instead."""

    def image(self, name: str) -> Image:
        """Find an image, or build it where the name is a folder with a Dockerfile; else ImageNotAccessibleError."""

    def address(self, taken: Collection[str]) -> str:
        """Return an address for a group that none of ``taken`` has."""

    def open(self, key: str, group: ContainerGroup, address: str) -> Sandbox:
        """Prepare what a group's containers share; ``key`` is unique on this machine and safe as a name."""

    def publish(self, names: Mapping[str, str]) -> None:
        """Make every container able to resolve these host names to these addresses, from now on."""

    def sweep(self, keys: Collection[str]) -> None:
        """Remove what an endpoint that was killed left behind of all groups but these."""
