"""``azdeploy aci``: container groups on Azure Container Instances."""

from __future__ import annotations

from typing import Annotated

import typer

from azdeploy.cli import targets
from azdeploy.cli.socket_pair import socket_pair
from azdeploy.cli.targets import Format

app = typer.Typer(help="Container groups on Azure Container Instances.", no_args_is_help=True, rich_markup_mode=None)
app.command("socket-pair")(socket_pair)


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
