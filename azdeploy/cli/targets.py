"""The options that say where a command works, and how they become a target."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from azdeploy.arm.client import ArmTarget
    from azdeploy.planning.plan import Plan


class Format(StrEnum):
    """How results are written to stdout."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


class RuntimeName(StrEnum):
    """What runs the containers of Azure on this machine."""

    AUTO = "auto"
    PROCESS = "process"
    DOCKER = "docker"


Local = Annotated[bool, typer.Option("--local", help="Use Azure on this machine; it is started when it is not up.")]
Runtime = Annotated[
    RuntimeName | None,
    typer.Option("--runtime", help="With --local: what runs the containers, when the endpoint is not running yet."),
]
ResourceGroup = Annotated[
    str | None, typer.Option("--resource-group", "-g", help="The resource group. [default: one named like the stack]")
]
InResourceGroup = Annotated[
    str | None, typer.Option("--resource-group", "-g", help="Only in this resource group. [default: in all]")
]
Subscription = Annotated[
    str | None, typer.Option("--subscription", help="The subscription id. [default: AZURE_SUBSCRIPTION_ID or az's]")
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How the result is written to stdout.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before deleting or replacing; without a terminal nobody asks.")
]
Location = Annotated[str, typer.Option("--location", "-l", help="The Azure region.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
ExitCode = Annotated[bool, typer.Option("--exit-code", help="With --dry-run: exit 3 if it found changes.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return once everything is started.")]
Timeout = Annotated[float, typer.Option(min=1, help="How many seconds to wait at most.")]
StackName = Annotated[str, typer.Argument(help="The stack's name.", metavar="NAME")]


def open_target(
    local: bool,
    resource_group: str | None = None,
    subscription: str | None = None,
    runtime: RuntimeName | None = None,
) -> ArmTarget:
    """Return the target that the options name; UsageError for options that contradict each other."""
    from azdeploy import targets
    from azdeploy.errors import UsageError

    if not local:
        if runtime:
            raise UsageError("--runtime is for Azure on this machine.", hint="Add --local, or leave it out.")
        return targets.connect(resource_group=resource_group, subscription=subscription)
    return targets.connect_local(
        resource_group=resource_group, subscription=subscription, runtime=runtime.value if runtime else None
    )


def refuse_exit_code_without_dry_run(exit_code: bool, dry_run: bool) -> None:
    """Refuse an option that would be ignored, and the deployment with it."""
    from azdeploy.errors import UsageError

    if exit_code and not dry_run:
        raise UsageError("--exit-code tells what a dry run found.", hint="Add --dry-run, or leave it out.")


def confirm(question: str, yes: bool) -> None:
    """Ask before going on, where there is somebody to ask."""
    if asks(yes):
        typer.confirm(question, abort=True, err=True)


def asks(yes: bool) -> bool:
    """Tell whether to ask: on a terminal, unless told not to; a script that cannot answer has decided already."""
    import sys

    return not yes and sys.stdin.isatty()


def confirm_losses(plan: Plan, yes: bool) -> None:
    """Ask before a plan that deletes or replaces what is there."""
    from azdeploy.planning.plan import Action

    lost = [change.name for change in plan.changes if change.action in (Action.DELETE, Action.REPLACE)]
    if lost:
        confirm(f"Delete or replace {', '.join(lost)}?", yes)
