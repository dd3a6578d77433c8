"""``azdeploy aci``: container groups on Azure Container Instances."""

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

app = typer.Typer(help="Container groups on Azure Container Instances.", no_args_is_help=True, rich_markup_mode=None)


@app.command("socket-pair")
def socket_pair(
    name: Annotated[str, typer.Option(help="The stack's name.")] = "socket-pair",
    resource_group: targets.ResourceGroup = None,
    location: Annotated[str, typer.Option("--location", "-l", help="The Azure region.")] = "westus",
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    runtime: targets.Runtime = None,
    server_image: Annotated[
        str | None, typer.Option(help="The server's image. [default: the article's; with --local the sample's folder]")
    ] = None,
    client_image: Annotated[
        str | None, typer.Option(help="The client's image. [default: the article's; with --local the sample's folder]")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port that the server listens on.")] = 1337,
    connections: Annotated[int, typer.Option(min=1, help="How many connections the client opens at once.")] = 200,
    dns_label: Annotated[
        str | None, typer.Option(help="A DNS name label for the server; the client is then wired by its FQDN.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="With --dry-run: exit 3 if it found changes.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return once everything is started.")] = False,
    verify: Annotated[bool, typer.Option(help="Check in the client's log that its connections were answered.")] = True,
    timeout: Annotated[float, typer.Option(min=1, help="How many seconds to wait at most.")] = 600,
    yes: targets.Yes = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Deploy a socket server and a socket client in two container groups, the client told where the server is."""
    from azdeploy.cli import stack as stacks
    from azdeploy.errors import UsageError
    from azdeploy.stacks import socket_pair as pair

    if exit_code and not dry_run:
        raise UsageError("--exit-code tells what a dry run found.", hint="Add --dry-run, or leave it out.")
    stack = pair.socket_pair(
        name=name,
        location=location,
        server_image=_image(server_image, "socket-server", local) or pair.SERVER_IMAGE,
        client_image=_image(client_image, "socket-client", local) or pair.CLIENT_IMAGE,
        port=port,
        connections=connections,
        dns_label=dns_label,
    )
    target = targets.open_target(local, resource_group, subscription, runtime)
    plan = stacks.planned(stack, target)
    if dry_run:
        typer.echo(stacks.plan_result(plan, target, output))
        raise typer.Exit(3 if exit_code and not plan.is_empty else 0)
    targets.confirm_losses(plan, yes)
    seen = target.logs(pair.CLIENT, pair.CLIENT) if stacks.unchanged(plan, pair.CLIENT) else ""
    deployment = stacks.deployed(stack, target, timeout, wait=not no_wait)
    answered = None
    if verify and not no_wait:
        with stacks.unfinished(name, "verifying"):
            answered = _verify(target, seen if stacks.unchanged(deployment, pair.CLIENT) else "", connections, timeout)
    typer.echo(_result(stack, deployment, answered, connections, output))


def _image(given: str | None, sample_name: str, local: bool) -> str | None:
    from azdeploy.errors import UsageError
    from azdeploy.templates import sample

    if given is None:
        return str(sample(sample_name)) if local else None
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


@app.command("list")
def list_groups(
    resource_group: targets.InResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """List container groups, azdeploy's and others."""
    from azdeploy.cli import documents, groups

    found = targets.open_target(local, resource_group, subscription).groups()
    if output is not Format.TEXT:
        typer.echo(documents.document(found, output))
    elif found:
        typer.echo(groups.groups_text(found))
    else:
        typer.echo("There are no container groups.", err=True)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The container group's name.")],
    resource_group: targets.InResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Show one container group as Azure describes it."""
    from azdeploy.cli import documents, groups

    group = targets.open_target(local, resource_group, subscription).group(name)
    typer.echo(groups.group_text(group) if output is Format.TEXT else documents.document(group, output))
