"""``python -m azdeploy.local``: serve Azure on this machine in the foreground."""

from __future__ import annotations

import argparse
import logging
import sys

from azdeploy.errors import LocalError
from azdeploy.local.home import home
from azdeploy.local.options import Latency, Options, RuntimeChoice
from azdeploy.local.server import run, sweep


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        options = Options(
            runtime=chosen.runtime,
            port=chosen.port,
            keep_addresses=chosen.keep_addresses,
            latency=chosen.latency,
            time_scale=chosen.time_scale,
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        if chosen.sweep:
            sweep(home())
        else:
            run(home(), options)
    except LocalError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a program of its own, and its parent reads this line
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m azdeploy.local", description="Azure on this machine.")
    parser.add_argument("--runtime", choices=[choice.value for choice in RuntimeChoice], default="auto")
    parser.add_argument("--port", type=int, default=0, help="0 takes the port of the last run, or any that is free")
    parser.add_argument("--keep-addresses", action="store_true", help="let a restarted group keep its address")
    parser.add_argument("--latency", choices=[choice.value for choice in Latency], default="none")
    parser.add_argument("--time-scale", type=float, default=1.0, help="multiplies every wait of the endpoint")
    parser.add_argument("--sweep", action="store_true", help="only remove what an endpoint that was killed left behind")
    return parser


if __name__ == "__main__":
    sys.exit(main())
