"""Commands on what is deployed (status, logs, down), and the steps that every deploying command shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from azdeploy.cli import targets
from azdeploy.cli.targets import Format

if TYPE_CHECKING:
    from azdeploy.arm.client import ArmTarget
    from azdeploy.definitions.stack import Stack
    from azdeploy.deployment import Deployment
    from azdeploy.planning.plan import Plan


def add_to(app: typer.Typer) -> None:
    """Add the commands to the top level."""
    app.command()(status)
    app.command()(logs)
    app.command()(down)


def planned(stack: Stack, target: ArmTarget) -> Plan:
    """Compare the stack with what exists, and show the plan on stderr."""
    from azdeploy import deployment
    from azdeploy.cli import render

    plan = deployment.preview(stack, target)
    typer.echo(render.plan_text(plan), err=True)
    return plan


def plan_result(plan: Plan, target: ArmTarget, output: Format) -> str:
    """Return the plan as a dry run prints it: with the ARM requests, where a program reads it."""
    from azdeploy.cli import documents, render

    if output is Format.TEXT:
        return f"Dry run: {sum(1 for change in plan.changes if change.action != ' ')} to change, nothing was sent."
    requests = {
        change.name: [
            {
                "method": request.method,
                "path": request.path,
                "apiVersion": request.api_version,
                "body": request.body,
            }
            for request in target.requests(change, plan)
        ]
        for change in plan.changes
    }
    return documents.document(render.plan_document(plan, requests), output)


def unchanged(done: Plan | Deployment, name: str) -> bool:
    """Tell whether a resource is left as it is."""
    from azdeploy.planning.plan import Action

    return all(change.action is Action.NOOP for change in done.changes if change.name == name)


def deployed(stack: Stack, target: ArmTarget, timeout: float, *, wait: bool) -> Deployment:
    """Deploy the stack with progress on stderr; ``timeout`` is in seconds."""
    from azdeploy import deployment
    from azdeploy.cli import render

    return deployment.deploy(stack, target, observer=render.Progress(), timeout=timeout, wait=wait)


def status(
    name: targets.StackName,
    resource_group: targets.ResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Tell how a stack's container groups are: state, address, restarts, last events."""
    from azdeploy.cli import documents, groups

    found = _groups(name, targets.open_target(local, resource_group, subscription))
    if output is Format.TEXT:
        typer.echo(groups.status_text(found))
    else:
        typer.echo(documents.document([groups.status_document(group) for group in found], output))


def logs(
    name: targets.StackName,
    container: Annotated[
        str | None, typer.Argument(help="Only this container or container group.", metavar="CONTAINER")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with each new line until interrupted.")] = False,
    tail: Annotated[int | None, typer.Option(min=1, help="Only the last lines of each container.")] = None,
    resource_group: targets.ResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
) -> None:
    """Print the logs of a stack's containers, each line with its container's name."""
    from azdeploy.cli import logs as reading
    from azdeploy.execution.logs import follow as followed
    from azdeploy.execution.retry import SystemClock

    logs_of = reading.StackLogs(targets.open_target(local, resource_group, subscription), name, container, tail)
    for line in followed(logs_of.read, SystemClock(), lambda: not follow):
        typer.echo(f"{line.container:<{logs_of.width}}  {line.text}")


def _groups(name: str, target: ArmTarget) -> list[dict[str, Any]]:
    from azdeploy.errors import NotFound

    found = target.find(name)
    if not found:
        raise NotFound(f"There is nothing of stack {name}.", hint="See what there is with 'azdeploy aci list'.")
    return found


def down(
    name: targets.StackName,
    resource_group: targets.ResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    yes: targets.Yes = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Delete just what carries the stack's tags, and prove by listing that nothing is left."""
    from azdeploy import deployment
    from azdeploy.cli import documents, render

    target = targets.open_target(local, resource_group, subscription)
    existing = sorted(target.existing(name))
    if existing:
        targets.confirm(f"Delete {', '.join(existing)} of stack {name}?", yes)
    gone = deployment.destroy(name, target, observer=render.Progress())
    if output is not Format.TEXT:
        typer.echo(documents.document({"stack": name, "deleted": sorted(gone.deleted)}, output))
    elif gone.deleted:
        typer.echo(f"Stack {name} is gone; a last listing found nothing of it.")
    else:
        typer.echo(f"There is nothing of stack {name} to delete.")
