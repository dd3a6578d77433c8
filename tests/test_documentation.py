"""What the README promises is there, and what is there is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import azdeploy
from azdeploy import errors
from azdeploy.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GOLDEN = Path(__file__).parent / "golden" / "help"


def commands(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = list(commands(typer.main.get_command(app)))
named = pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])


@named
def test_a_command_is_in_the_readme(path: tuple[str, ...], command: object) -> None:
    if path[0] == "local":
        assert re.search(rf"`azdeploy local [^`]*\b{path[1]}\b", README)
    else:
        assert f"`azdeploy {' '.join(path)}" in README


@named
def test_a_command_and_each_of_its_options_say_what_they_are_for(path: tuple[str, ...], command: object) -> None:
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{parameter.name} has no help"


@named
def test_help_pages_are_as_they_were(path: tuple[str, ...], command: object, request: pytest.FixtureRequest) -> None:
    from typer.testing import CliRunner

    page = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "100"}, prog_name="azdeploy").stdout
    golden = GOLDEN / f"{'-'.join(path)}.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(page)
    assert page == golden.read_text()


def test_the_options_of_the_main_job_are_in_the_readme() -> None:
    command = dict(COMMANDS)[("aci", "socket-pair")]
    for parameter in command.params:
        assert any(f"`{option}`" in README or f"`{option}/" in README for option in parameter.opts), parameter.name


def test_every_error_is_drawn_in_the_tree() -> None:
    tree = ast.parse(Path(errors.__file__).read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"Problem"}
    drawn = set(re.findall(r"[A-Z][A-Za-z]+", ast.get_docstring(tree) or ""))
    assert classes <= drawn


def test_every_exit_code_is_documented() -> None:
    codes = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.AzdeployError)
    }
    assert codes == {1, 2, 4}
    for code in (0, 1, 2, 3, 4):
        assert re.search(rf"^\| {code} \|", README, re.MULTILINE)
    assert azdeploy.__version__


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("snippet", snippets(), ids=range(len(snippets())))
@pytest.mark.usefixtures("machine")
def test_a_snippet_of_the_readme_runs(snippet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - running it is the test
