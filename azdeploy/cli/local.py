"""``azdeploy local``: Azure on this machine, started and stopped by hand."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from azdeploy.cli.targets import Format, Output, RuntimeName

if TYPE_CHECKING:
    from azdeploy.local.endpoint import Connection

app = typer.Typer(
    help="Azure on this machine: an ARM endpoint that runs containers.", no_args_is_help=True, rich_markup_mode=None
)


class Latency(StrEnum):
    """How long operations take."""

    NONE = "none"
    RECORDED = "recorded"


@app.command()
def start(
    runtime: Annotated[
        RuntimeName, typer.Option(help="What runs the containers; auto takes Docker where an engine answers.")
    ] = RuntimeName.AUTO,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 0,
    keep_addresses: Annotated[
        bool | None, typer.Option("--keep-addresses", help="A group keeps its address when it restarts.")
    ] = None,
    latency: Annotated[
        Latency | None, typer.Option(help="How long operations take: no longer than needed, or as recorded from Azure.")
    ] = None,
    time_scale: Annotated[
        float | None, typer.Option(min=0.001, help="Multiplies recorded latencies and back-off times. [default: 1]")
    ] = None,
) -> None:
    """Start the endpoint in the background; one that runs already is left as it is."""
    from azdeploy.local import endpoint

    machine = endpoint.start(
        endpoint.Options(
            runtime=runtime.value,
            port=port,
            keep_addresses=keep_addresses,
            latency=latency.value if latency else None,
            time_scale=time_scale,
        )
    )
    typer.echo(f"Azure on this machine is up at {machine.url} ({machine.runtime} runtime).")
    for lost in machine.not_back:
        typer.echo(f"  {lost}", err=True)


@app.command()
def stop() -> None:
    """Stop the endpoint and its containers; what was deployed comes back at the next start."""
    from azdeploy.local import endpoint

    typer.echo("Stopped." if endpoint.stop() else "It was not running.")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the endpoint and forget everything that was deployed to it."""
    from azdeploy.cli.targets import confirm
    from azdeploy.local import endpoint

    confirm("Forget everything that was deployed to this machine?", yes)
    endpoint.reset()
    typer.echo("Azure on this machine is stopped, and all that was deployed to it is gone.")


@app.command()
def status(output: Output = Format.TEXT) -> None:
    """Tell whether the endpoint runs, where, and with which runtime."""
    from azdeploy.cli import documents
    from azdeploy.local import endpoint

    machine = endpoint.find()
    if output is not Format.TEXT:
        typer.echo(documents.document({"running": machine is not None, **_settings(machine)}, output))
    elif machine is None:
        typer.echo("Azure on this machine is not running; 'azdeploy local start' starts it.")
    else:
        typer.echo(f"Azure on this machine is up at {machine.url} ({machine.runtime} runtime, process {machine.pid}).")
        addresses = "are kept" if machine.keep_addresses else "may change"
        typer.echo(f"  Addresses {addresses} at a restart; latency {machine.latency}, times by {machine.time_scale:g}.")


def _settings(machine: Connection | None) -> dict[str, object]:
    if machine is None:
        return {}
    return {
        "url": machine.url,
        "runtime": machine.runtime,
        "pid": machine.pid,
        "keepAddresses": machine.keep_addresses,
        "latency": machine.latency,
        "timeScale": machine.time_scale,
    }


@app.command()
def env() -> None:
    """Print what other clients need: exports for the SDKs, and the commands for az."""
    from azdeploy.local import endpoint

    for line in endpoint.environment():
        typer.echo(line)
