"""Measure how quickly the command line starts, against typer itself and against az; run it by hand.

    AZDEPLOY_TEST_AZ=path/to/az python tests/benchmarks/start_up.py

Pairs of runs alternate, so that a machine whose speed drifts changes both; the figures are medians of their ratios.
The comparison with az needs the local endpoint up and az signed in to it (``azdeploy local env`` says how).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PAIRS = 15
HERE = Path(sys.executable).parent
AZDEPLOY = str(HERE / "azdeploy")
TYPER = [sys.executable, "-c", "import typer"]


def seconds(command: Sequence[str]) -> float:
    """Return the wall time of one run of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(title: str, ours: Sequence[str], theirs: Sequence[str], limit: float, pairs: int = PAIRS) -> bool:
    """Print the median ratio of two commands and whether it is within the limit."""
    for command in (ours, theirs):
        seconds(command)
    ratios = [seconds(ours) / seconds(theirs) for _ in range(pairs)]
    ratio = statistics.median(ratios)
    verdict = "ok" if ratio <= limit else "TOO SLOW"
    print(f"{title:<60} {ratio:5.2f}  (limit {limit:.2f}, {min(ratios):.2f} to {max(ratios):.2f})  {verdict}")
    return ratio <= limit


def main() -> int:
    """Run every comparison that this machine allows; return 1 when a limit is broken."""
    results = [
        compare("azdeploy --version / python -c 'import typer'", [AZDEPLOY, "--version"], TYPER, 1.3),
        compare("azdeploy --help / python -c 'import typer'", [AZDEPLOY, "--help"], TYPER, 2.0),
    ]
    if az := os.environ.get("AZDEPLOY_TEST_AZ"):
        ours = [AZDEPLOY, "aci", "list", "--local", "-o", "json"]
        results.append(
            compare("azdeploy aci list / az container list", ours, [az, "container", "list", "-o", "json"], 0.75)
        )
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
