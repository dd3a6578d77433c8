"""The contracts of the design hold: layers, light start-up, sorted public names, files that say what they are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import azdeploy

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "azdeploy"
HEAVY = {"azure", "pydantic", "pydantic_core", "yaml", "ruamel", "http", "requests", "urllib3", "docker", "starlette"}
MEANINGLESS = {
    "util",
    "utils",
    "common",
    "core",
    "base",
    "helper",
    "helpers",
    "constant",
    "constants",
    "type",
    "types",
    "misc",
}


def loaded_by(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level modules that it loaded."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {name.partition(".")[0] for name in told.stdout.splitlines()[-1].split()}


def cli(*arguments: str) -> str:
    return f"""
import sys
sys.argv = ["azdeploy", *{list(arguments)!r}]
from azdeploy.cli import main
try:
    main()
except SystemExit:
    pass
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import azdeploy", id="import"),
        pytest.param(cli("--version"), id="version"),
        pytest.param(cli("--help"), id="help"),
        pytest.param(cli("aci", "socket-pair", "--help"), id="command help"),
        pytest.param(
            "import os\n"
            "os.environ.update(_AZDEPLOY_COMPLETE='complete_bash', COMP_WORDS='azdeploy a', COMP_CWORD='1')\n" + cli(),
            id="completion",
        ),
    ],
)
def test_starting_up_loads_nothing_heavy(code: str) -> None:
    assert not loaded_by(code) & HEAVY


def test_layers_are_kept() -> None:
    checker = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([checker, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert told.returncode == 0, told.stdout


def test_public_names_are_sorted_and_importable() -> None:
    assert azdeploy.__all__ == sorted(azdeploy.__all__)
    assert all(hasattr(azdeploy, name) for name in azdeploy.__all__)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'deplyo'"):
        _ = azdeploy.deplyo


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_for_and_stays_small(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)

    assert ast.get_docstring(tree)
    assert len(source.splitlines()) <= 400
    assert path.stem not in MEANINGLESS
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert body_lines(node) <= 40, f"{node.name} is too long"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's body; a signature with an option a line is not logic."""
    return (function.end_lineno or 0) - function.body[0].lineno + 1
