"""``azdeploy aci socket-pair``: the main job of the first article, from options to answered connections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from azdeploy.cli import targets
from azdeploy.cli.targets import Format

if TYPE_CHECKING:
    from azdeploy.arm.client import ArmTarget
    from azdeploy.definitions.stack import Stack
    from azdeploy.deployment import Deployment

_DEFAULT_IMAGE = "[default: the article's; with --local the sample's folder]"
Name = Annotated[str, typer.Option(help="The stack's name.")]
ServerImage = Annotated[str | None, typer.Option(help=f"The server's image. {_DEFAULT_IMAGE}")]
ClientImage = Annotated[str | None, typer.Option(help=f"The client's image. {_DEFAULT_IMAGE}")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port that the server listens on.")]
Connections = Annotated[int, typer.Option(min=1, help="How many connections the client opens at once.")]
DnsLabel = Annotated[
    str | None, typer.Option(help="A DNS name label for the server; the client is then wired by its FQDN.")
]
Verify = Annotated[bool, typer.Option(help="Check in the client's log that its connections were answered.")]


def socket_pair(
    name: Name = "socket-pair",
    resource_group: targets.ResourceGroup = None,
    location: targets.Location = "westus",
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    runtime: targets.Runtime = None,
    server_image: ServerImage = None,
    client_image: ClientImage = None,
    port: Port = 1337,
    connections: Connections = 200,
    dns_label: DnsLabel = None,
    dry_run: targets.DryRun = False,
    exit_code: targets.ExitCode = False,
    no_wait: targets.NoWait = False,
    verify: Verify = True,
    timeout: targets.Timeout = 600,
    yes: targets.Yes = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Deploy a socket server and a socket client in two container groups, the client told where the server is."""
    from azdeploy.cli import stack as stacks
    from azdeploy.stacks import socket_pair as pair

    targets.refuse_exit_code_without_dry_run(exit_code, dry_run)
    stack = pair.socket_pair(
        name=name,
        location=location,
        server_image=_image(server_image, pair.SERVER, pair.SERVER_IMAGE, local),
        client_image=_image(client_image, pair.CLIENT, pair.CLIENT_IMAGE, local),
        port=port,
        connections=connections,
        dns_label=dns_label,
    )
    target = targets.open_target(local, resource_group, subscription, runtime)
    plan = stacks.planned(stack, target)
    if dry_run:
        stacks.end_dry_run(plan, target, output, exit_code=exit_code)
    stacks.show(plan)
    targets.confirm_losses(plan, yes)
    seen = target.logs(pair.CLIENT, pair.CLIENT) if stacks.unchanged(plan, pair.CLIENT) else ""
    deployment = stacks.deployed(stack, target, timeout, wait=not no_wait)
    answered = None
    if verify and not no_wait:
        with stacks.unfinished(name, "verifying"):
            answered = _verify(target, seen if stacks.unchanged(deployment, pair.CLIENT) else "", connections, timeout)
    typer.echo(_result(stack, deployment, answered, connections, output))


def _image(given: str | None, sample_name: str, default: str, local: bool) -> str:
    from azdeploy.errors import UsageError
    from azdeploy.templates import sample

    if given is None:
        return str(sample(sample_name)) if local else default
    if not given or not Path(given).is_dir():
        return given
    if local:
        return str(Path(given).resolve())
    raise UsageError(f"{given} is a folder, and Azure runs images.", hint="Push it to a registry, or add --local.")


def _verify(target: ArmTarget, seen: str, connections: int, timeout: float) -> int:
    from azdeploy.execution.retry import SystemClock
    from azdeploy.stacks import socket_pair as pair

    def read() -> str:
        target.check(pair.SERVER)
        target.check(pair.CLIENT)
        return target.logs(pair.CLIENT, pair.CLIENT)

    if seen:
        typer.echo("      waiting for the client's next round of connections", err=True)
    return pair.verify(read, SystemClock(), connections=connections, seen=seen, timeout=timeout)


def _result(stack: Stack, deployment: Deployment, answered: int | None, connections: int, output: Format) -> str:
    from azdeploy.cli import documents
    from azdeploy.stacks import socket_pair as pair

    outputs = deployment.outputs
    environment = pair.client_environment(stack, outputs)
    if output is not Format.TEXT:
        return documents.document(
            {
                "stack": stack.name,
                "location": stack.location,
                "changes": {change.name: change.action.name.lower() for change in deployment.changes},
                "outputs": {name: dict(outputs[name]) for name in sorted(outputs)},
                "clientEnvironment": environment,
                "connections": {"opened": connections, "answered": answered},
            },
            output,
        )
    server = outputs.get(pair.SERVER, {})
    lines = [
        f"server  {server.get('fqdn') or server.get('ip', 'has no address yet')}:{server.get('port', '')}".rstrip(":"),
        "client  " + " ".join(f"{key}={value}" for key, value in environment.items()),
    ]
    lines.append("connections not checked" if answered is None else f"{answered} of {connections} connections answered")
    return "\n".join(lines)
