"""The terminal: parse, call, render. Rule of this package: nothing is decided here that a library user would need.

Modules are imported inside commands, so that ``--help`` and ``--version`` load nothing but typer.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import azdeploy
from azdeploy.cli import aci, local, stack

app = typer.Typer(
    name="azdeploy",
    help="Deploy containers to Azure, or to Azure on this machine (--local), and take them down again.",
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 --dry-run --exit-code found changes, 4 refused before sending, "
    "130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(aci.app, name="aci")
app.add_typer(local.app, name="local")
stack.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"azdeploy {azdeploy.__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tell on stderr which requests are sent.")] = False,
) -> None:
    """Deploy containers to Azure, or to Azure on this machine (--local), and take them down again."""
    if debug:
        from azdeploy.cli import debugging

        debugging.switch_on()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (sys.argv by default); errors become one message on stderr and a fixed exit code."""
    if arguments is None:
        _spare_the_collector()
    try:
        app(arguments)
    except KeyboardInterrupt:
        sys.exit(_report("interrupted", 130))
    except Exception as error:  # noqa: BLE001 - nobody wants a traceback from a command line
        sys.exit(_reported(error))


def _spare_the_collector() -> None:
    """Let garbage be: a fifth of a short command's time would go into looking at modules that all stay."""
    gc.set_threshold(100_000, 50, 50)
    atexit.register(gc.freeze)


def _reported(error: Exception) -> int:
    from azdeploy.errors import AzdeployError

    if isinstance(error, AzdeployError):
        return _report(str(error), error.exit_code)
    if isinstance(error, OSError) and error.strerror:
        return _report(f"{error.filename or 'a file or stream'} cannot be used: {error.strerror}.", 1)
    return _report(f"this is a fault of azdeploy's own, please report it: {type(error).__name__} at {_place(error)}", 1)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown place"


def _report(message: str, exit_code: int) -> int:
    typer.echo(f"azdeploy: {message}", err=True)
    return exit_code
