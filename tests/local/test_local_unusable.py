"""Where the endpoint cannot be: packages are missing, or its state folder cannot be used. Each is one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdeploy.errors import LocalError
from azdeploy.local import endpoint
from azdeploy.local.endpoint import Options
from azdeploy.local.home import home

PROCESS = Options(runtime="process")
HIDING = """
import sys
from importlib.machinery import PathFinder
HIDDEN = {}
class Finder:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [Finder()]
from azdeploy.local import endpoint
try:
    print({}())
except Exception as error:
    print(type(error).__name__, error)
"""
EXTRA = ["cryptography", "docker", "dockerfile_parse", "filelock", "jwt", "platformdirs", "starlette", "trustme"]
EXTRA += ["uvicorn", "websockets"]


def without(packages: list[str], call: str) -> str:
    """Return what a call gives or says in an interpreter that lacks these packages."""
    program = [sys.executable, "-c", HIDING.format(packages, call)]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()


def sentences(missing: list[str]) -> str:
    told = f"Azure on this machine needs packages that are not installed ({', '.join(missing)})."
    return f"LocalError {told} Install them with: pip install 'azdeploy[local]'"


@pytest.mark.parametrize("missing", [["starlette"], ["websockets"], EXTRA])
def test_without_the_extra_a_start_says_in_one_sentence_what_is_missing(missing: list[str]) -> None:
    assert without(missing, "endpoint.start") == sentences(missing)


@pytest.mark.parametrize("call", ["start", "find", "stop", "reset", "environment"])
def test_without_the_extra_nothing_fails_on_an_import(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named = os.environ["AZDEPLOY_LOCAL_HOME"]
    monkeypatch.delenv("AZDEPLOY_LOCAL_HOME")
    assert without(EXTRA, f"endpoint.{call}") == sentences(EXTRA)
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", named)


def test_without_the_extra_the_command_line_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    named = os.environ["AZDEPLOY_LOCAL_HOME"]
    monkeypatch.delenv("AZDEPLOY_LOCAL_HOME")
    program = HIDING.format(EXTRA, "__import__('azdeploy.cli', fromlist=['main']).main")
    ran = subprocess.run(
        [sys.executable, "-c", program, "local", "status"], capture_output=True, text=True, check=False
    )
    assert "needs packages that are not installed" in ran.stderr
    assert "Traceback" not in ran.stderr
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", named)


@pytest.fixture
def unusable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the state folder be one that cannot be made or written to."""
    named = os.environ["AZDEPLOY_LOCAL_HOME"]
    file = tmp_path / "file"
    file.touch()
    folder = {"a file": file, "below a file": file / "below", "not to be made": Path("/proc/nope")}[request.param]
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", str(folder))
    yield folder
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", named)


@pytest.mark.parametrize("unusable", ["a file", "below a file", "not to be made"], indirect=True)
def test_a_state_folder_that_cannot_be_used_is_named_with_the_reason(unusable: Path) -> None:
    with pytest.raises(LocalError) as refused:
        endpoint.start(PROCESS)
    told = str(refused.value)
    assert told.startswith(f"Azure on this machine cannot keep its state in {unusable}: ")
    assert told.endswith(". Set AZDEPLOY_LOCAL_HOME to a folder that you may write to.")
    assert endpoint.find() is None
    assert endpoint.stop() is False
    endpoint.reset()


def test_a_home_that_is_no_folder_is_named_with_the_reason() -> None:
    code = "from azdeploy.local import endpoint as e\ntry: e.start()\nexcept e.LocalError as error: print(error)"
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("AZDEPLOY_LOCAL", "XDG"))}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"HOME": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "/dev/null" in ran.stdout
    assert "AZDEPLOY_LOCAL_HOME" in ran.stdout


def test_a_file_that_is_in_the_way_in_the_state_folder_is_told() -> None:
    home().log.mkdir(parents=True)
    with pytest.raises(LocalError, match=r"cannot keep its state in .*: Is a directory"):
        endpoint.start(PROCESS)
    home().log.rmdir()
