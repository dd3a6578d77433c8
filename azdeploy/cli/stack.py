"""Commands on what is deployed (status, logs, down), and the steps that every deploying command shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

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
    """Compare the stack with what exists."""
    from azdeploy import deployment

    return deployment.preview(stack, target)


def show(plan: Plan) -> None:
    """Show on stderr what is about to be done."""
    from azdeploy.cli import render

    typer.echo(render.plan_text(plan), err=True)


@contextmanager
def unfinished(name: str, verb: str) -> Iterator[None]:
    """Say what to do next where a deployment or a tear-down is interrupted or fails half-way."""
    from azdeploy.errors import AzdeployError

    next_steps = (
        f"Run the same command again to go on, or 'azdeploy down {name}' to remove what is there "
        "(with the same --local, -g and --subscription)."
    )
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"azdeploy: interrupted; what was started goes on. {next_steps}", err=True)
        raise typer.Exit(130) from None
    except AzdeployError as error:
        typer.echo(f"azdeploy: {error}", err=True)
        typer.echo(f"azdeploy: {verb} {name} did not finish. {next_steps}", err=True)
        raise typer.Exit(error.exit_code) from None


def plan_result(plan: Plan, target: ArmTarget, output: Format) -> str:
    """Return the plan as a dry run prints it: with the ARM requests, where a program reads it."""
    from azdeploy.cli import documents, render
    from azdeploy.planning.plan import Action

    preparation = target.preparation(plan)
    if output is Format.TEXT:
        first = [f"Resource group {preparation.path.rpartition('/')[2]} will be made."] if preparation else []
        count = sum(1 for change in plan.changes if change.action is not Action.NOOP)
        return "\n".join([*first, render.plan_text(plan), f"Dry run: {count} to change, nothing was sent."])
    requests = {change.name: target.requests(change, plan) for change in plan.changes}
    return documents.document(render.plan_document(plan, [preparation] if preparation else [], requests), output)


def end_dry_run(plan: Plan, target: ArmTarget, output: Format, *, exit_code: bool) -> NoReturn:
    """Print the plan and end the command, with 3 when that is wanted and there is something to change."""
    typer.echo(plan_result(plan, target, output))
    raise typer.Exit(3 if exit_code and not plan.is_empty else 0)


def unchanged(done: Plan | Deployment, name: str) -> bool:
    """Tell whether a resource is left as it is."""
    from azdeploy.planning.plan import Action

    return all(change.action is Action.NOOP for change in done.changes if change.name == name)


def deployed(stack: Stack, target: ArmTarget, timeout: float, *, wait: bool) -> Deployment:
    """Deploy the stack with progress on stderr; ``timeout`` is in seconds."""
    from azdeploy import deployment
    from azdeploy.cli import render

    with unfinished(stack.name, "deploying"):
        return deployment.deploy(stack, target, observer=render.Progress(), timeout=timeout, wait=wait)


def status(
    name: targets.StackName,
    resource_group: targets.InResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Tell how a stack's container groups are: state, address, restarts, last events."""
    from azdeploy.cli import documents, groups

    found = groups.of_stack(name, targets.open_target(local, resource_group, subscription))
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
    resource_group: targets.InResourceGroup = None,
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


def down(
    name: targets.StackName,
    resource_group: targets.InResourceGroup = None,
    subscription: targets.Subscription = None,
    local: targets.Local = False,
    yes: targets.Yes = False,
    output: targets.Output = Format.TEXT,
) -> None:
    """Delete just what carries the stack's tags, and prove by listing that nothing is left."""
    from azdeploy import deployment
    from azdeploy.cli import documents, render

    target = targets.open_target(local, resource_group, subscription)
    if targets.asks(yes) and (existing := sorted(target.existing(name))):
        targets.confirm(f"Delete {', '.join(existing)} of stack {name}?", yes)
    with unfinished(name, "deleting"):
        gone = deployment.destroy(name, target, observer=render.Progress())
    if output is not Format.TEXT:
        place = {"name": gone.place, "deleted": not gone.kept, "keptBecause": gone.kept or None} if gone.place else None
        typer.echo(documents.document({"stack": name, "deleted": sorted(gone.deleted), "resourceGroup": place}, output))
        return
    typer.echo(
        f"Stack {name} is gone; a last listing found nothing of it."
        if gone.deleted
        else f"There is nothing of stack {name} to delete."
    )
    if gone.place:
        fate = f"stays: {gone.kept}" if gone.kept else "is deleted"
        typer.echo(f"Resource group {gone.place} {fate}.")
