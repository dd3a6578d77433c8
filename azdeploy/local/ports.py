"""Ports of this machine: whether somebody listens there already."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from azdeploy.definitions.container_group import Port, Protocol
from azdeploy.local.runtime import ContainerNotStartedError


def require_free(address: str, ports: Sequence[Port], container: str) -> None:
    """Raise ContainerNotStartedError when something else has a port that a container wants."""
    for port in ports:
        if _is_taken(address, port):
            raise ContainerNotStartedError(
                f"Port {port.port} of {address}, which the container '{container}' exposes, is taken by another "
                "program on this machine; stop that one, or choose another port."
            )


def _is_taken(address: str, port: Port) -> bool:
    tcp = port.protocol is Protocol.TCP
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as probe:
        if tcp:
            # Connections that have just been closed do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port.port))
        except OSError as error:
            # Not being allowed to use a port is no sign that it is taken.
            return error.errno == errno.EADDRINUSE
        return False
