"""A socket server and a socket client in two container groups, the client told where the server is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from azdeploy.definitions.container_group import (
    Container,
    ContainerGroup,
    DnsNameLabelScope,
    IpAddress,
    Port,
)
from azdeploy.definitions.output import resolve
from azdeploy.definitions.stack import Stack
from azdeploy.errors import TimedOut, VerificationFailed
from azdeploy.execution.retry import Clock

SERVER = "socket-server"
CLIENT = "socket-client"
# The images that the article published.
SERVER_IMAGE = "containerinstance/socket-server:20180802"
CLIENT_IMAGE = "containerinstance/socket-client:20180802"
PORT = 1337
CONNECTIONS = 200

_ANSWERED = re.compile(r"\bConnection (\d+) received\b")
_FAILED = re.compile(r"\bConnection \d+ has error: (.+)")
_LOOK_EVERY = 0.5  # seconds
_ROUNDS_LOST = 3  # the client tries every ten seconds; a server that is only slow is there by then


def socket_pair(
    *,
    name: str = "socket-pair",
    location: str = "westus",
    server_image: str = SERVER_IMAGE,
    client_image: str = CLIENT_IMAGE,
    port: int = PORT,
    connections: int = CONNECTIONS,
    dns_label: str | None = None,
) -> Stack:
    """Return the stack of the two groups; with a DNS label the client is wired by the server's FQDN, else by its IP.

    The images learn of another port or number of connections by PORT and SOCKET_CONNECTIONS; the article's own images
    know neither, so these are set only when they differ from what those images do anyway.
    """
    server = _server(server_image, port, dns_label)
    client = ContainerGroup(
        name=CLIENT,
        containers=[
            Container(
                name=CLIENT,
                image=client_image,
                # Nothing listens on port 80; the article's definition has it, and a group needs no other address.
                ports=[Port(port=80)],
                environment_variables={
                    "SOCKET_SERVER_HOST": server.fqdn if dns_label else server.ip,
                    "SOCKET_SERVER_PORT": server.port,
                    **({} if connections == CONNECTIONS else {"SOCKET_CONNECTIONS": str(connections)}),
                },
            ),
        ],
        ip_address=IpAddress(ports=[Port(port=80)]),
    )
    return Stack(name=name, location=location, resources=[server, client])


def _server(image: str, port: int, dns_label: str | None) -> ContainerGroup:
    environment = {} if port == PORT else {"PORT": str(port)}
    # A label that nobody else in another tenant can take over once the group is gone; the hash is read back.
    scope = DnsNameLabelScope.TENANT_REUSE if dns_label else DnsNameLabelScope.UNSECURE
    return ContainerGroup(
        name=SERVER,
        containers=[
            Container(name=SERVER, image=image, ports=[Port(port=port)], environment_variables=environment),
        ],
        ip_address=IpAddress(
            ports=[Port(port=port)],
            dns_name_label=dns_label,
            auto_generated_domain_name_label_scope=scope,
        ),
    )


def client_environment(stack: Stack, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the client's environment, wired as far as the outputs are known."""
    client = next(group for group in stack.resources if group.name == CLIENT)
    variables = client.containers[0].environment_variables
    return {
        name: resolve(str(value), lambda output: outputs.get(output.resource, {}).get(output.name))
        for name, value in variables.items()
    }


def answered(log: str) -> int:
    """Count the different connections that the client's log says were answered."""
    return len({found[1] for found in _ANSWERED.finditer(log)})


def verify(
    read: Callable[[], str],
    clock: Clock,
    *,
    connections: int = CONNECTIONS,
    seen: str = "",
    timeout: float = 60.0,
) -> int:
    """Wait until the client's log shows as many answered connections as it opens, and return how many.

    ``read`` returns the whole log; what ``seen`` holds of it is old and does not count. ``timeout`` is in seconds.

    Raises:
        VerificationFailed: the client reported errors until the time was over, or as many as in three whole rounds.
        TimedOut: the client said nothing of the kind in that time.
    """
    deadline = clock.monotonic() + timeout
    while True:
        log = read().removeprefix(seen)
        count = answered(log)
        if count >= connections:
            return count
        if clock.monotonic() >= deadline or len(_FAILED.findall(log)) >= _ROUNDS_LOST * connections:
            raise _failure(log, count, connections, timeout)
        clock.sleep(_LOOK_EVERY)


def _failure(log: str, count: int, connections: int, timeout: float) -> VerificationFailed | TimedOut:
    said = f"{count} of {connections} connections answered"
    if errors := _FAILED.findall(log):
        return VerificationFailed(f"{said}; the client's last error: {errors[-1].strip()}.")
    return TimedOut(f"{said} after {timeout:g} seconds.", hint="The client's log may say why.")
